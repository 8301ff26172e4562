//! RabbitMQ: topology, confirmed publishing, consuming, envelopes, reconnection.
//!
#![doc = include_str!("../README.md")]

mod address;
mod channel;
mod consumer;
mod consuming;
mod counts;
mod definitions;
mod delivery;
mod envelope;
mod events;
mod health;
mod lane;
mod line;
mod link;
mod publish_error;
mod publisher;
mod topology;
mod window;

pub use address::AddressError;
pub use consumer::{Consumer, Subscription};
pub use counts::PublishCounts;
pub use delivery::{Delivery, Handler, Undecodable, Unreadable, Verdict};
pub use envelope::{BINARY, DecodeError, ENVELOPE_VERSION, Envelope, EnvelopeError, JSON, MAX_BODY_BYTES};
pub use events::{Message, news_of};
pub use link::{Link, LinkError};
pub use publish_error::{PublishError, Unknown};
pub use publisher::Publisher;
pub use topology::{
    Argument, Arguments, BadName, BindingSpec, DEAD_LETTER_KEY, Exchange, Queue, QueueSpec, Topology,
    hint_key,
};
