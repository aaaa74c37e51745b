"""Images of databases and brokers: AWS runs those, so none becomes a service here."""

from __future__ import annotations

from typing import Final

_POSTGRES: Final = ("Aurora or RDS for PostgreSQL", 5432)
_MYSQL: Final = ("Aurora or RDS for MySQL", 3306)
_REDIS: Final = ("ElastiCache", 6379)
_MONGO: Final = ("DocumentDB", 27017)
_RABBITMQ: Final = ("Amazon MQ, or a worker with queue:", 5672)
_SEARCH: Final = ("OpenSearch Service", 9200)
_KAFKA: Final = ("MSK", 9092)

_SQL_SERVER: Final = ("RDS for SQL Server", 1433)
_CACHE: Final = ("ElastiCache", 11211)
_OWN_QUEUE: Final = "a worker with queue:"

_KNOWN: Final = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "timescaledb", "pgvector"), _POSTGRES),
    **dict.fromkeys(("mysql", "mysql-server"), _MYSQL),
    **dict.fromkeys(("mssql", "server", "azure-sql-edge"), _SQL_SERVER),
    **dict.fromkeys(("redis", "redis-stack", "redis-stack-server", "valkey", "keydb"), _REDIS),
    **dict.fromkeys(("mongo", "mongodb", "documentdb-local"), _MONGO),
    **dict.fromkeys(("rabbitmq", "activemq"), _RABBITMQ),
    **dict.fromkeys(("elasticsearch", "opensearch"), _SEARCH),
    **dict.fromkeys(("kafka", "cp-kafka", "zookeeper", "cp-zookeeper", "cp-schema-registry", "redpanda"), _KAFKA),
    "mariadb": ("RDS for MariaDB", 3306),
    "memcached": _CACHE,
    "nats": (_OWN_QUEUE, 4222),
    "elasticmq": (_OWN_QUEUE, 443),
    "cassandra": ("Keyspaces", 9142),
    "dynamodb-local": ("table:", 443),
    "minio": ("bucket:", 443),
    "localstack": ("AWS itself", 443),
    "clickhouse-server": ("ClickHouse Cloud", 8443),
    "influxdb": ("Timestream", 8086),
    "neo4j": ("Neptune", 7687),
}


def replacement(image: str) -> tuple[str, int] | None:
    """What to use instead of a container of this image, and its port, 0 if unknown; None for an image of something else."""
    repository = image.partition("@")[0].lower()
    base = repository.rpartition("/")[2].partition(":")[0]
    if base == "server" and "mssql" not in repository:
        return None
    if base not in _KNOWN and (base.endswith(("-db", "_db")) or "redis" in base):
        return "a managed database", 0
    return _KNOWN.get(base)
