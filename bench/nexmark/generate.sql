-- The generator alone: every field of every event is made, no row is kept.
CREATE TEMPORARY TABLE nothing (a VARCHAR, b VARCHAR, c VARCHAR) WITH ('connector' = 'blackhole');
INSERT INTO nothing SELECT person.extra, auction.extra, bid.extra FROM nexmark WHERE event_type = 3;
