//! Hears what owners tell, and can be deaf for a while.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use distributed::News;
use distributed::shard::{Announced, NotPublished, Outlet};
use persistence::postgres::orders::MarketGrids;

#[derive(Default)]
pub struct Heard {
    news: Mutex<Vec<News>>,
    published: Mutex<Vec<Announced>>,
    /// So many calls fail.
    pub failing: AtomicU32,
    /// So many calls kill the one who calls.
    pub deadly: AtomicU32,
}

impl Heard {
    pub fn news(&self) -> Vec<News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn published(&self) -> Vec<Announced> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Outlet for Heard {
    fn news(&self, news: News) {
        self.news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(news);
    }

    async fn publish(&self, events: &[Announced], markets: &MarketGrids) -> Result<(), NotPublished> {
        let takes_one = |left: &AtomicU32| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
        };
        assert!(!takes_one(&self.deadly), "a test");
        if takes_one(&self.failing) {
            return Err(NotPublished {
                left: (0..events.len()).collect(),
                why: "a test".to_owned(),
            });
        }
        assert!(
            events
                .iter()
                .all(|one| markets.numbered(one.event.market).is_some())
        );
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.extend(events.iter().cloned());
        Ok(())
    }
}
