//! That what one client sent did no harm to the others.

use _engine::counters::Drop;
use _engine::events::Event;

use super::{MS, World, opus};

/// Nobody was given up, and nothing panicked.
pub fn assert_unharmed(world: &World) {
    let failed = world.count_events(|event| matches!(event, Event::EndpointFailed { .. }));
    assert_eq!(failed, 0, "{:?}", world.events.last());
    assert_eq!(world.sfu.counters.dropped(Drop::Internal), 0);
}

/// The third client's voice still reaches the second one.
pub fn assert_still_works(world: &mut World) {
    let before = world.clients[1].received(12).len();
    for n in 0..10 {
        let now = world.now;
        world.clients[2].send(now, 12, opus(n * 960, -30));
        world.run(20 * MS);
    }
    world.run(50 * MS);
    assert_eq!(world.clients[1].received(12).len(), before + 10);
}
