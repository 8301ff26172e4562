//! Names under a prefix, names of the settings, and names that are refused.

use super::*;

#[test]
fn every_name_bears_the_prefix_and_dead_letters_go_to_the_prefixed_exchange() {
    let topology = Topology::new(&RabbitmqSettings::default(), 2, "t1.").unwrap();
    assert!(topology.exchanges().all(|(_, name)| name.starts_with("t1.")));
    assert!(
        topology
            .queues()
            .iter()
            .all(|queue| queue.name.starts_with("t1."))
    );
    let wallet = &topology.queues()[0];
    assert_eq!(
        wallet.arguments.get("x-dead-letter-exchange"),
        Some(&Argument::Text("t1.dlx".to_owned()))
    );
    assert_eq!(topology.queue(&Queue::ShardHints(1)), "t1.shard.1.hints");
    assert_eq!(topology.queues().len(), 5);
}

#[test]
fn the_settings_name_the_exchanges_of_events() {
    let settings = RabbitmqSettings {
        exchange_trade_events: "a".to_owned(),
        exchange_order_events: "b".to_owned(),
        ..RabbitmqSettings::default()
    };
    let topology = Topology::new(&settings, 0, "").unwrap();
    assert_eq!(topology.exchange(Exchange::TradeEvents), "a");
    assert_eq!(topology.exchange(Exchange::OrderEvents), "b");
}

#[test]
fn names_that_amqp_cannot_carry_are_refused() {
    let settings = RabbitmqSettings::default();
    assert!(Topology::new(&settings, 0, &"x".repeat(250)).is_err());
    assert!(Topology::new(&settings, 0, "amq.").is_err());
    let topology = || Topology::new(&settings, 0, "").unwrap();
    let own = topology().with_queue("audit.orders", Exchange::OrderEvents, "order.#");
    assert_eq!(own.unwrap().bindings().last().unwrap().queue, "audit.orders");
    assert!(topology().with_queue("", Exchange::OrderEvents, "#").is_err());
    let long = "x".repeat(256);
    assert!(topology().with_queue("q", Exchange::OrderEvents, &long).is_err());
}
