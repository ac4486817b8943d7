//! Room for so many at a time, which may change while it is in use.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many at a time.
pub struct Room {
    places: Arc<Semaphore>,
    size: Mutex<usize>,
}

/// A place in a room, until it is dropped.
pub type Place = OwnedSemaphorePermit;

impl Room {
    /// A room of that size.
    pub fn new(size: usize) -> Room {
        let size = size.min(Semaphore::MAX_PERMITS);
        Room { places: Arc::new(Semaphore::new(size)), size: Mutex::new(size) }
    }

    /// A place, if there is one now.
    pub fn try_enter(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place, once there is one.
    pub async fn enter(&self) -> Place {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => place,
            Err(_) => unreachable!("nobody closes the semaphore"),
        }
    }

    /// Makes it larger or smaller; nobody is turned out, so a smaller one is full until enough
    /// have left. Must be called inside the tokio runtime.
    pub fn resize(&self, size: usize) {
        let size = size.min(Semaphore::MAX_PERMITS);
        let mut held = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let (more, fewer) = (size.saturating_sub(*held), held.saturating_sub(size));
        *held = size;
        self.places.add_permits(more);
        let left = fewer - self.places.forget_permits(fewer);
        for _ in 0..left {
            // Places are given in the order in which they are asked for: nobody enters before.
            let places = Arc::clone(&self.places);
            tokio::spawn(async move {
                if let Ok(place) = places.acquire_owned().await {
                    place.forget();
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_smaller_room_is_full_until_enough_have_left() {
        let room = Room::new(3);
        let mut inside: Vec<Place> = (0..3).map(|_| room.try_enter().unwrap()).collect();
        assert!(room.try_enter().is_none());
        room.resize(1);
        tokio::task::yield_now().await;
        inside.truncate(1);
        tokio::task::yield_now().await;
        assert!(room.try_enter().is_none(), "one is inside, and there is room for one");
        inside.clear();
        let last = room.enter().await;
        assert!(room.try_enter().is_none());
        room.resize(2);
        assert!(room.try_enter().is_some());
        drop(last);
        room.resize(0);
        assert!(room.try_enter().is_none());
    }
}
