"""Apache Kafka (`kafka://…`): the bus for events, commands and queries.

publisher       publishes events
consumer        consumes them, for partner teams
gateway         sends commands and queries to the services: an engine and readers without a database
service         executes commands and answers queries
service_table   the commands and queries of each service, and their topics
"""

from tekana_kafka.consumer import EventConsumer, ProcessedEvents
from tekana_kafka.gateway import KafkaGateway
from tekana_kafka.publisher import KafkaPublisher
from tekana_kafka.service import KafkaService

__all__ = ["EventConsumer", "KafkaGateway", "KafkaPublisher", "KafkaService", "ProcessedEvents"]
