//! Who uses the peers of a thread.

use std::time::Instant;

use super::events::Listener;
use super::peers::Peers;

/// Runs on the thread of its peers: no method may block.
pub trait Application: Listener + Send + 'static {
    /// When [`Application::work`] wants to be called, whatever else happens.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Called in every turn of the thread, after the sockets have been read.
    fn work(&mut self, _now: Instant, _peers: &mut Peers) {}

    /// Called last in every turn of the thread, after everything was sent.
    fn publish(&mut self) {}
}
