"""Apache Kafka (`kafka://…`): the bus that carries events, commands and queries.

publisher       publishes events
consumer        consumes them, for partner teams
gateway         sends commands and queries to the services: an engine and readers without a database
service         executes commands and answers queries
service_table   which service answers what, on which topics
"""

from tekana_kafka.consumer import EventConsumer, ProcessedEvents
from tekana_kafka.gateway import KafkaGateway
from tekana_kafka.publisher import KafkaPublisher
from tekana_kafka.service import KafkaService

__all__ = ["EventConsumer", "KafkaGateway", "KafkaPublisher", "KafkaService", "ProcessedEvents"]
