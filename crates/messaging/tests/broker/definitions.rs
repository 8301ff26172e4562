//! The definitions file is what a broker takes at its start, and means what the code declares.

use std::path::Path;

use amqprs::channel::QueueDeclareArguments;
use messaging::{Link, Topology};
use serde_json::{Value, json};
use testbed::{Options, RabbitMq};

use crate::bench::{Bench, PATIENCE, until_up};

#[tokio::test]
async fn a_broker_that_began_with_the_definitions_file_has_nothing_left_to_declare() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/rabbitmq/definitions.json");
    let mut definitions: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // A broker that begins with definitions makes no user of its own.
    definitions["users"] = json!([{"name": "guest", "password": "guest", "tags": "administrator"}]);
    definitions["permissions"] =
        json!([{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("definitions.json");
    std::fs::write(&file, definitions.to_string()).unwrap();
    let options = Options::new().setting("load_definitions", &file.display().to_string());
    let broker = RabbitMq::start(options).await.unwrap();

    let bench = Bench::on(broker.port());
    let topology = Topology::new(&bench.settings, 0, "").unwrap();
    let (_connection, channel) = bench.raw().await;
    for queue in topology.queues() {
        let mut look = QueueDeclareArguments::new(&queue.name);
        channel.queue_declare(look.passive(true).finish()).await.unwrap();
    }
    // It would not come up if anything were there in another form.
    let link = Link::start(&bench.settings, topology, "test").unwrap();
    until_up(&link).await;
    link.close(PATIENCE).await;
}
