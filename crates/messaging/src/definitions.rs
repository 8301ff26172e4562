//! The topology in the broker's own words: declared over a channel, and as the file that a broker imports at its start.

use amqprs::channel::{Channel, ExchangeDeclareArguments, QueueBindArguments, QueueDeclareArguments};
use amqprs::{FieldTable, FieldValue};
use serde_json::{Map, Value, json};

use crate::topology::{Argument, Arguments, Topology};

impl Topology {
    /// The file for `load_definitions` and `rabbitmqctl import_definitions`: exchanges, queues and bindings of a virtual
    /// host; no users.
    pub fn definitions(&self, vhost: &str) -> Value {
        let exchanges = self.exchanges().map(|(exchange, name)| {
            json!({"name": name, "vhost": vhost, "type": exchange.kind(), "durable": true, "auto_delete": false,
                   "internal": false, "arguments": {}})
        });
        let queues = self.queues().iter().map(|queue| {
            let arguments = json_of(&queue.arguments);
            json!({"name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": arguments})
        });
        let bindings = self.bindings().iter().map(|binding| {
            json!({"source": self.exchange(binding.exchange), "vhost": vhost, "destination": binding.queue,
                   "destination_type": "queue", "routing_key": binding.key, "arguments": {}})
        });
        json!({
            "vhosts": [{"name": vhost}],
            "exchanges": exchanges.collect::<Vec<_>>(),
            "queues": queues.collect::<Vec<_>>(),
            "bindings": bindings.collect::<Vec<_>>(),
        })
    }

    /// Declares all of it; what is there already stays as it is.
    ///
    /// # Errors
    /// The connection fails, or something of that name is there in another form.
    pub(crate) async fn declare(&self, channel: &Channel) -> Result<(), amqprs::error::Error> {
        for (exchange, name) in self.exchanges() {
            let arguments = ExchangeDeclareArguments::new(name, exchange.kind())
                .durable(true)
                .finish();
            channel.exchange_declare(arguments).await?;
        }
        for queue in self.queues() {
            let arguments = QueueDeclareArguments::durable_client_named(&queue.name)
                .arguments(table_of(&queue.arguments))
                .finish();
            channel.queue_declare(arguments).await?;
        }
        for binding in self.bindings() {
            let exchange = self.exchange(binding.exchange);
            let arguments = QueueBindArguments::new(&binding.queue, exchange, &binding.key);
            channel.queue_bind(arguments).await?;
        }
        Ok(())
    }
}

fn json_of(arguments: &Arguments) -> Map<String, Value> {
    let value = |argument: &Argument| match argument {
        Argument::Number(number) => Value::from(*number),
        Argument::Text(text) => Value::from(text.as_str()),
    };
    let pairs = arguments.iter();
    pairs
        .map(|(name, argument)| ((*name).to_owned(), value(argument)))
        .collect()
}

/// The arguments as AMQP carries them.
pub(crate) fn table_of(arguments: &Arguments) -> FieldTable {
    let mut table = FieldTable::new();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Number(number) => FieldValue::l(*number),
            Argument::Text(text) => FieldValue::from(text.as_str()),
        };
        // The names of arguments are short and our own.
        if let Ok(name) = (*name).try_into() {
            table.insert(name, value);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use runtime::settings::RabbitmqSettings;

    use super::*;

    #[test]
    fn the_definitions_file_says_what_the_code_declares() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/rabbitmq/definitions.json");
        let topology = Topology::new(&RabbitmqSettings::default(), 0, "").unwrap();
        let text = serde_json::to_string_pretty(&topology.definitions("/")).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, written, "UPDATE_GOLDEN=1 writes it anew");
    }
}
