#!/usr/bin/env python3
"""What cassandra_cluster_test.py does, shorter, with the release before: three nodes of Cassandra 4.1."""
import os
import sys

os.environ.update(CASSANDRA_VERSION="4.1.10", MILLRACE_TEST_CLUSTER_SHORT="1")
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "cassandra_cluster_test.py")])
