"""Apache Kafka: the bus that events are published on (`kafka://…`), and a consumer for those who want to know."""

from tekana_kafka.consumer import EventConsumer, Seen
from tekana_kafka.publisher import KafkaPublisher

__all__ = ["EventConsumer", "KafkaPublisher", "Seen"]
