"""A lock whose holders are told apart by the resource: fencing tokens that grow through a failover."""
