//! Sorting the open commands: what is applied, what waits, what goes elsewhere, and what is set aside.

use std::collections::HashSet;

use domain::{OrderId, Status};
use persistence::postgres::shard::Todo;
use runtime::trace::TraceContext;
use uuid::Uuid;

use crate::encoding::decode_command;
use crate::{Funding, Quarantined, ShardCommand};

/// A command that killed its owner so often is set aside.
const DEATHS: u32 = 3;

/// A command to apply.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// The id of its row.
    pub id: Uuid,
    /// The command.
    pub command: ShardCommand,
    /// How many orders earlier steps of it have cancelled.
    pub progress: u64,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// A command that cannot be read or makes no sense.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    /// The id of its row.
    pub id: Uuid,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// What is wrong with it.
    pub why: String,
}

/// What becomes of the open commands.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sorted {
    /// To be applied, in order.
    pub tasks: Vec<Task>,
    /// Placements that were applied before: they go.
    pub repeated: Vec<Uuid>,
    /// Of markets that live elsewhere: the command and the shard.
    pub strays: Vec<(Uuid, u32)>,
    /// Those that cannot be read or make no sense: they are kept elsewhere.
    pub unreadable: Vec<Unreadable>,
    /// Why nothing behind these can be done: a later program has written what this one does not know.
    pub stop: Option<String>,
}

/// Sorts the open commands of a shard, which come in the order of their ids.
pub(super) fn sort(todos: Vec<Todo>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut placed: HashSet<OrderId> = HashSet::new();
    for todo in todos {
        if let Some(shard) = todo.elsewhere {
            sorted.strays.push((todo.id, shard));
            continue;
        }
        match (todo.is_place, todo.status) {
            (true, None) => {
                // A gateway stores the order first: nobody can say what this is.
                let why = "it places an order that has no row".to_owned();
                sorted.unreadable.push(unreadable(&todo, why));
                continue;
            }
            (true, Some(Status::Pending)) => placed.extend(todo.order_id),
            (true, Some(_)) => {
                sorted.repeated.push(todo.id);
                continue;
            }
            // It waits for its order, whose placement is not in this list.
            (false, Some(Status::Pending)) if !todo.order_id.is_some_and(|id| placed.contains(&id)) => {
                continue;
            }
            (false, _) => {}
        }
        match decode_command(&todo.body) {
            Ok(command) => {
                // Its funds may still have to be asked for: until it comes again, what follows it waits.
                if let (ShardCommand::Place(place), Some(id)) = (&command, todo.order_id)
                    && place.funding == Funding::NotAsked
                {
                    placed.remove(&id);
                }
                sorted.tasks.push(task(todo, command));
            }
            Err(error) if error.is_of_the_future() => {
                sorted.stop = Some(format!("command {} is of a later program: {error}", todo.id));
                break;
            }
            Err(error) => sorted.unreadable.push(unreadable(&todo, error.to_string())),
        }
    }
    // A mass cancel that was begun goes on before anything else.
    sorted.tasks.sort_by_key(|task| task.progress == 0);
    sorted
}

const fn unreadable(todo: &Todo, why: String) -> Unreadable {
    Unreadable {
        id: todo.id,
        trace: todo.trace,
        why,
    }
}

fn task(todo: Todo, command: ShardCommand) -> Task {
    let command = if todo.attempts < DEATHS {
        command
    } else {
        ShardCommand::Quarantine {
            what: Quarantined {
                command_id: todo.id,
                order_id: todo.order_id.filter(|_| todo.is_place),
            },
            command: Some(Box::new(command)),
        }
    };
    Task {
        id: todo.id,
        command,
        progress: todo.progress,
        trace: todo.trace,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use domain::{
        Amount, MarketNumber, Place, SelfTradePrevention, Side, Size, Stamp, Terms, TimeInForce, UserId,
    };
    use engine::OwnFees;

    use super::*;
    use crate::PlaceOrder;
    use crate::encoding::encode;

    fn todo(id: u128, is_place: bool, order: Option<u128>, status: Option<Status>) -> Todo {
        Todo {
            id: Uuid::from_u128(id),
            is_place,
            order_id: order.map(OrderId::from_u128),
            status,
            elsewhere: None,
            attempts: 0,
            progress: 0,
            body: encode(&ShardCommand::Tick).unwrap(),
            trace: None,
        }
    }

    fn placed(funding: Funding) -> PlaceOrder {
        PlaceOrder {
            place: Place {
                order_id: OrderId::from_u128(1),
                user_id: UserId::from_u128(1),
                institution_id: None,
                market: MarketNumber(0),
                side: Side::Buy,
                terms: Terms::Market {
                    size: Size::Budget(Amount(1)),
                },
                time_in_force: TimeInForce::Ioc,
                self_trade_prevention: SelfTradePrevention::None,
                client_order_id: None,
                received_at: Stamp::FIRST,
                deadline: None,
                protection_price: None,
            },
            fees: OwnFees::default(),
            funding,
        }
    }

    fn ids(tasks: &[Task]) -> Vec<u128> {
        tasks.iter().map(|task| task.id.as_u128()).collect()
    }

    #[test]
    fn a_cancel_waits_until_the_placement_of_its_order_comes_before_it() {
        let pending = Some(Status::Pending);
        let alone = sort(vec![todo(2, false, Some(1), pending)]);
        assert_eq!(alone, Sorted::default());
        let both = sort(vec![
            todo(1, true, Some(1), pending),
            todo(2, false, Some(1), pending),
        ]);
        assert_eq!(ids(&both.tasks), [1, 2]);
        let ended = sort(vec![todo(2, false, Some(1), Some(Status::Filled))]);
        assert_eq!(ids(&ended.tasks), [2]);
    }

    #[test]
    fn a_cancel_waits_too_behind_a_placement_whose_funds_may_still_be_asked_for() {
        let pending = Some(Status::Pending);
        for (funding, expected) in [(Funding::NotAsked, [1].as_slice()), (Funding::Refused, &[1, 2])] {
            let place = Todo {
                body: encode(&ShardCommand::Place(Box::new(placed(funding)))).unwrap(),
                ..todo(1, true, Some(1), pending)
            };
            let sorted = sort(vec![place, todo(2, false, Some(1), pending)]);
            assert_eq!(ids(&sorted.tasks), expected, "{funding:?}");
        }
    }

    #[test]
    fn a_placement_whose_order_is_not_pending_any_more_is_a_repetition() {
        let sorted = sort(vec![todo(1, true, Some(1), Some(Status::Open))]);
        assert_eq!(sorted.repeated, [Uuid::from_u128(1)]);
        assert!(sorted.tasks.is_empty());
    }

    #[test]
    fn a_placement_without_an_order_is_kept_elsewhere() {
        let sorted = sort(vec![todo(1, true, Some(1), None)]);
        assert_eq!((sorted.unreadable.len(), sorted.tasks.len()), (1, 0));
    }

    #[test]
    fn what_belongs_elsewhere_or_cannot_be_read_is_not_applied() {
        let stray = Todo {
            elsewhere: Some(4),
            ..todo(1, true, Some(1), Some(Status::Pending))
        };
        let garbage = Todo {
            body: vec![1, 0xFF, 0xFF],
            ..todo(2, false, None, None)
        };
        let sorted = sort(vec![stray, garbage]);
        assert_eq!(sorted.strays, [(Uuid::from_u128(1), 4)]);
        assert_eq!(sorted.unreadable.len(), 1);
        assert!(sorted.tasks.is_empty());
    }

    #[test]
    fn what_a_later_program_has_written_stops_the_shard_and_is_not_set_aside() {
        let of_bytes = |body| Todo {
            body,
            ..todo(2, false, None, None)
        };
        // A later format, a later kind, and a kind whose number takes two bytes.
        for body in [
            vec![2, 0],
            vec![1, ShardCommand::KINDS as u8, 7],
            vec![1, 0x80, 0x01],
        ] {
            let first = todo(1, false, None, None);
            let sorted = sort(vec![first, of_bytes(body.clone()), todo(3, false, None, None)]);
            assert_eq!(ids(&sorted.tasks), [1], "what comes before is done");
            assert!(sorted.unreadable.is_empty(), "{body:?}");
            assert!(sorted.stop.unwrap().contains("later program"));
        }
        let last = vec![1, ShardCommand::KINDS as u8 - 1];
        let garbage = sort(vec![of_bytes(last), of_bytes(Vec::new())]);
        assert_eq!((garbage.unreadable.len(), garbage.stop), (2, None));
    }

    #[test]
    fn a_command_that_killed_three_times_is_set_aside() {
        let deadly = |attempts| Todo {
            attempts,
            ..todo(1, true, Some(1), Some(Status::Pending))
        };
        assert_eq!(sort(vec![deadly(2)]).tasks[0].command, ShardCommand::Tick);
        let what = Quarantined {
            command_id: Uuid::from_u128(1),
            order_id: Some(OrderId::from_u128(1)),
        };
        let expected = ShardCommand::Quarantine {
            what,
            command: Some(Box::new(ShardCommand::Tick)),
        };
        assert_eq!(sort(vec![deadly(3)]).tasks[0].command, expected);
    }

    #[test]
    fn a_mass_cancel_that_was_begun_goes_on_first() {
        let begun = Todo {
            progress: 1_000,
            ..todo(9, false, None, None)
        };
        let sorted = sort(vec![
            todo(1, false, None, None),
            todo(2, false, None, None),
            begun,
        ]);
        assert_eq!(ids(&sorted.tasks), [9, 1, 2]);
    }
}
