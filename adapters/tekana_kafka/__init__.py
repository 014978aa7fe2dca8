"""Apache Kafka: the bus that events are published on (`kafka://…`)."""

from tekana_kafka.publisher import KafkaPublisher

__all__ = ["KafkaPublisher"]
