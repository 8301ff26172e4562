//! The messages of one channel that the broker has not confirmed yet, by their delivery tags.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::publish_error::{PublishError, Unknown};

/// Who waits to hear of a message.
pub(crate) type Answer = oneshot::Sender<Result<(), PublishError>>;

/// A message that was sent.
#[derive(Debug)]
struct Sent {
    answer: Option<Answer>,
    bytes: usize,
    at: Instant,
    /// The broker's words, if it sent the message back.
    returned: Option<String>,
    is_settled: bool,
    /// One that nobody asked for, and that is not counted.
    is_probe: bool,
}

/// What became of messages, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) confirmed: u64,
    pub(crate) returned: u64,
    pub(crate) nacked: u64,
}

/// Unconfirmed messages in the order of their tags, which the broker counts from 1. At most so many, and so many bytes.
#[derive(Debug)]
pub(crate) struct Window {
    /// The tag of the first in `sent`.
    first: u64,
    sent: VecDeque<Sent>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl Window {
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            first: 1,
            sent: VecDeque::new(),
            bytes: 0,
            most,
            most_bytes,
        }
    }

    /// Whether another message may be sent. One that is larger than all the room may, alone.
    pub(crate) fn has_room(&self) -> bool {
        self.sent.len() < self.most && self.bytes < self.most_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// When the oldest unconfirmed message was sent.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.at)
    }

    /// Whether the broker has dealt with the first message of all.
    pub(crate) const fn has_begun(&self) -> bool {
        self.first > 1
    }

    /// The tag that the next message will have.
    pub(crate) fn next_tag(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    /// Notes the message with the next tag, before it is sent.
    pub(crate) fn push(&mut self, answer: Option<Answer>, bytes: usize, at: Instant) {
        self.bytes += bytes;
        self.sent.push_back(Sent {
            answer,
            bytes,
            at,
            returned: None,
            is_settled: false,
            is_probe: false,
        });
    }

    /// Notes a probe with the next tag, before it is sent.
    pub(crate) fn push_probe(&mut self, at: Instant) {
        self.push(None, 0, at);
        if let Some(sent) = self.sent.back_mut() {
            sent.is_probe = true;
        }
    }

    /// The broker sent this message back. Its confirmation follows, and does not mean that it was stored.
    pub(crate) fn returned(&mut self, tag: u64, words: String) {
        if let Some(sent) = self.at(tag) {
            sent.returned = Some(words);
        }
    }

    /// The broker has dealt with this message, or with `multiple` with all up to it (0: all).
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool, is_ack: bool) -> Settled {
        let mut settled = Settled::default();
        if multiple {
            let last = if tag == 0 { self.next_tag() - 1 } else { tag };
            let count = (last + 1).saturating_sub(self.first);
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.sent.len());
            for sent in self.sent.iter_mut().take(count) {
                sent.settle(is_ack, &mut settled);
            }
        } else if let Some(sent) = self.at(tag) {
            sent.settle(is_ack, &mut settled);
        }
        while self.sent.front().is_some_and(|sent| sent.is_settled) {
            if let Some(sent) = self.sent.pop_front() {
                self.first += 1;
                self.bytes -= sent.bytes;
            }
        }
        settled
    }

    /// The channel is gone: nobody will ever know of the messages that are left. How many they were.
    pub(crate) fn abandon(&mut self) -> u64 {
        let mut abandoned = 0;
        for mut sent in self.sent.drain(..) {
            self.first += 1;
            if !sent.is_settled {
                abandoned += u64::from(!sent.is_probe);
                sent.tell(Err(PublishError::Unknown(Unknown::Closed)));
            }
        }
        self.bytes = 0;
        abandoned
    }

    fn at(&mut self, tag: u64) -> Option<&mut Sent> {
        let index = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.sent.get_mut(index)
    }
}

impl Sent {
    fn settle(&mut self, is_ack: bool, settled: &mut Settled) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        let one = u64::from(!self.is_probe);
        // A message that was sent back is not stored, whatever follows.
        match (self.returned.take(), is_ack) {
            (Some(words), _) => {
                settled.returned += one;
                self.tell(Err(PublishError::Unroutable(words)));
            }
            (None, true) => {
                settled.confirmed += one;
                self.tell(Ok(()));
            }
            (None, false) => {
                settled.nacked += one;
                self.tell(Err(PublishError::Nacked));
            }
        }
    }

    fn tell(&mut self, result: Result<(), PublishError>) {
        if let Some(answer) = self.answer.take() {
            // Who asked may have given up.
            let _ = answer.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Heard = oneshot::Receiver<Result<(), PublishError>>;

    fn filled(count: usize) -> (Window, Vec<Heard>) {
        let mut window = Window::new(count, 1_000);
        let heard = (0..count).map(|_| {
            let (answer, heard) = oneshot::channel();
            window.push(Some(answer), 10, Instant::now());
            heard
        });
        let heard = heard.collect();
        (window, heard)
    }

    fn told(heard: &mut [Heard]) -> Vec<Option<Result<(), PublishError>>> {
        heard.iter_mut().map(|heard| heard.try_recv().ok()).collect()
    }

    #[test]
    fn one_confirmation_may_stand_for_many_and_none_is_told_twice() {
        let (mut window, mut heard) = filled(5);
        assert!(!window.has_room());
        assert_eq!(window.settle(2, false, true).confirmed, 1);
        assert_eq!(told(&mut heard), [None, Some(Ok(())), None, None, None]);
        assert!(!window.has_room(), "the first is still unconfirmed");
        assert_eq!(window.settle(3, true, true).confirmed, 2, "1 and 3: 2 was told");
        assert!(window.has_room());
        assert_eq!(window.settle(3, true, true), Settled::default());
        assert_eq!(window.settle(0, true, true).confirmed, 2, "0 stands for all");
        assert!(window.is_empty());
        assert_eq!(window.next_tag(), 6);
        assert_eq!(window.settle(9, false, true), Settled::default());
        assert_eq!(window.settle(9, true, true), Settled::default());
    }

    #[test]
    fn confirmations_may_come_in_any_order() {
        let (mut window, mut heard) = filled(3);
        window.settle(3, false, true);
        window.settle(1, false, false);
        assert_eq!(window.next_tag(), 4);
        assert_eq!(
            told(&mut heard),
            [Some(Err(PublishError::Nacked)), None, Some(Ok(()))]
        );
        window.settle(2, false, true);
        assert!(window.is_empty());
    }

    #[test]
    fn a_return_beats_the_confirmation_that_follows() {
        let (mut window, mut heard) = filled(2);
        window.returned(2, "NO_ROUTE".to_owned());
        window.returned(7, "NO_ROUTE".to_owned());
        let settled = window.settle(2, true, true);
        assert_eq!((settled.confirmed, settled.returned), (1, 1));
        let unroutable = PublishError::Unroutable("NO_ROUTE".to_owned());
        assert_eq!(told(&mut heard), [Some(Ok(())), Some(Err(unroutable))]);
    }

    #[test]
    fn what_is_left_when_the_channel_goes_is_unknown() {
        let (mut window, mut heard) = filled(3);
        window.settle(2, false, true);
        assert_eq!(window.abandon(), 2);
        let unknown = || Some(Err(PublishError::Unknown(Unknown::Closed)));
        assert_eq!(told(&mut heard), [unknown(), Some(Ok(())), unknown()]);
        assert!(window.is_empty() && window.has_room());
    }

    #[test]
    fn probes_take_a_tag_and_are_not_counted() {
        let mut window = Window::new(10, 1_000);
        window.push_probe(Instant::now());
        window.push(None, 1, Instant::now());
        window.push_probe(Instant::now());
        assert_eq!(window.settle(2, true, true).confirmed, 1);
        assert!(window.has_begun());
        assert_eq!(window.abandon(), 0);
        assert_eq!(window.next_tag(), 4);
    }

    #[test]
    fn bytes_have_a_limit_too() {
        let mut window = Window::new(100, 25);
        for _ in 0..3 {
            assert!(window.has_room());
            window.push(None, 10, Instant::now());
        }
        assert!(!window.has_room());
        window.settle(1, false, true);
        assert!(window.has_room());
    }
}
