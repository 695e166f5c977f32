"""Cassandra's own driver for the tests, patient: by itself it gives up after 2 to 10 seconds, which a busy machine with slow disks may
need to answer the first time or to change a schema."""
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile

PATIENCE_S = 120


def connect(host, port, row_factory=None, consistency=None, policy=None, patience_s=PATIENCE_S, **more):
    """A Cluster. more: as for Cluster; row_factory, consistency (level) and policy (load balancing) are of its default profile."""
    profile = {"request_timeout": patience_s, "row_factory": row_factory, "consistency_level": consistency, "load_balancing_policy": policy}
    profile = ExecutionProfile(**{name: value for name, value in profile.items() if value is not None})
    return Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile}, connect_timeout=patience_s,
                   control_connection_timeout=patience_s, max_schema_agreement_wait=patience_s, **more)
