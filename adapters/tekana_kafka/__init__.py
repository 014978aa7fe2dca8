"""Apache Kafka (`kafka://…`): the bus that events are published on, and commands and queries go over.

publisher   puts events on it
consumer    for those who want to know what happens
gateway     asks the services: an engine and readers without a database
service     answers: takes commands and queries about one kind of aggregate
"""

from tekana_kafka.consumer import EventConsumer, ProcessedEvents
from tekana_kafka.gateway import KafkaGateway
from tekana_kafka.publisher import KafkaPublisher
from tekana_kafka.service import KafkaService

__all__ = ["EventConsumer", "KafkaGateway", "KafkaPublisher", "KafkaService", "ProcessedEvents"]
