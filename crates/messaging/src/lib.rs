//! RabbitMQ: topology, confirmed publishing, consuming, envelopes, reconnection.
