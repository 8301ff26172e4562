//! Doing the same for many things, several at a time.

use std::future::Future;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

/// Does `work` for each item, at most `at_a_time` together, and returns the outcomes in the items' order.
///
/// # Errors
/// The first error; what has not begun then never does.
pub(crate) async fn each<T, R, F>(
    items: Vec<T>,
    at_a_time: usize,
    work: impl FnMut(T) -> F,
) -> anyhow::Result<Vec<R>>
where
    F: Future<Output = anyhow::Result<R>>,
{
    stream::iter(items)
        .map(work)
        .buffered(at_a_time.max(1))
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn outcomes_keep_the_order_of_the_items() {
        let doubled = each((0..50).collect(), 7, |item: u32| async move {
            if item.is_multiple_of(2) {
                tokio::task::yield_now().await;
            }
            Ok(item * 2)
        });
        assert_eq!(
            doubled.await.unwrap(),
            (0..50).map(|item| item * 2).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn the_first_error_ends_it() {
        let outcome = each((0..50).collect(), 1, |item: u32| async move {
            anyhow::ensure!(item < 3, "item {item}");
            Ok(())
        });
        assert_eq!(outcome.await.unwrap_err().to_string(), "item 3");
    }
}
