"""How it is computed: records and numbers in, records out. No Kafka, no clock, no global random."""
