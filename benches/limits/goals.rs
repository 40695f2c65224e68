//! What the figures must be, and what they should be.

use crate::figures::{Figures, Load, Request, What};
use crate::servers::Who;

/// A figure's bound.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    /// By what factor a value misses it; at most 1 if it holds.
    pub fn missed(self, value: f64) -> f64 {
        match self {
            Self::AtMost(bound) => value / bound,
            Self::AtLeast(bound) => bound / value,
        }
    }
}

/// A goal.
pub struct Goal {
    pub load: &'static str,
    pub figure: &'static str,
    pub must: Bound,
    pub stretch: Bound,
    /// The value, if it was measured.
    pub value: Option<f64>,
}

impl Goal {
    /// Whether it holds, or by how much it does not.
    pub fn verdict(&self) -> String {
        let Some(value) = self.value else { return "not measured".to_owned() };
        match (self.must.missed(value), self.stretch.missed(value)) {
            (_, stretch) if stretch <= 1.0 => "stretch held".to_owned(),
            (must, stretch) if must <= 1.0 => format!("must held, stretch missed by {} ×", up(stretch)),
            (must, _) => format!("must missed by {} ×", up(must)),
        }
    }
}

/// Rounded up: what is missed is never 1.00 ×.
fn up(factor: f64) -> String {
    format!("{:.2}", (factor * 100.0).ceil() / 100.0)
}

/// All goals, with what was measured.
pub fn goals(figures: &Figures) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let of = |load, what| figures.median(load, Who::Longwave, what);
    let by = |load, who, what| Some(of(load, what)? / figures.median(load, who, what)?);
    let goal = |load, figure, must, stretch, value| Goal { load, figure, must, stretch, value };
    let polls = || Some(of(Load::OpenPolls, What::CpuUs)? / of(Load::Open, What::CpuUs)?);
    let stalled = || Some(of(Load::Stalled, What::P99Ms)? / of(Load::NoneStalled, What::P99Ms)?);
    vec![
        goal(
            "15,000 idle SSE streams",
            "user-space memory each, KiB",
            AtMost(1.2),
            AtMost(0.75),
            of(Load::IdleStreams, What::MemoryKib),
        ),
        goal(
            "15,000 waiting long polls",
            "user-space memory each, KiB",
            AtMost(2.5),
            AtMost(1.0),
            of(Load::IdlePolls, What::MemoryKib),
        ),
        goal(
            "1,000 streams of one conversation, 50 messages/s",
            "CPU a delivery ÷ floor",
            AtMost(1.5),
            AtMost(1.2),
            by(Load::FanOut, Who::Floor, What::CpuUs),
        ),
        goal(
            "the same, bursts of 10 messages",
            "CPU a delivery ÷ floor",
            AtMost(0.4),
            AtMost(0.2),
            by(Load::Bursts, Who::Floor, What::CpuUs),
        ),
        goal(
            "15,000 idle SSE streams, each user in 50 conversations",
            "user-space memory each, KiB",
            AtMost(3.0),
            AtMost(1.5),
            of(Load::IdleMembers, What::MemoryKib),
        ),
        goal(
            "1,000 conversations, SSE receivers, open loop at half of the slower server's maximum",
            "CPU a send + delivery ÷ durable-streams",
            AtMost(1.5),
            AtMost(1.0),
            by(Load::Open, Who::Durable, What::CpuUs),
        ),
        goal(
            "",
            "p99 from the scheduled send to delivery ÷ durable-streams",
            AtMost(1.0),
            AtMost(0.8),
            by(Load::Open, Who::Durable, What::P99Ms),
        ),
        goal(
            "the same at 10 sends/s",
            "p50 from the scheduled send to delivery ÷ durable-streams",
            AtMost(2.0),
            AtMost(1.2),
            by(Load::Slow, Who::Durable, What::P50Ms),
        ),
        goal(
            "the same, 32 senders as fast as they are answered",
            "sends/s ÷ durable-streams",
            AtLeast(0.8),
            AtLeast(1.2),
            by(Load::Closed(32), Who::Durable, What::Rate),
        ),
        goal(
            "the same, 256 senders as fast as they are answered",
            "sends/s ÷ durable-streams",
            AtLeast(0.8),
            AtLeast(1.2),
            by(Load::Closed(256), Who::Durable, What::Rate),
        ),
        goal(
            "the open loop with long-poll receivers",
            "CPU a send + delivery ÷ SSE",
            AtMost(1.6),
            AtMost(1.3),
            polls(),
        ),
        goal(
            "one client 100,000 events behind",
            "events/s",
            AtLeast(100_000.0),
            AtLeast(250_000.0),
            of(Load::CatchUp, What::Rate),
        ),
        goal(
            "10,000 streams lost with a node, reconnecting to the other",
            "seconds until all have resumed",
            AtMost(10.0),
            AtMost(4.0),
            of(Load::Reconnect, What::Seconds),
        ),
        goal(
            "100 stalled readers among 1,000",
            "p99 of the others ÷ without them",
            AtMost(1.2),
            AtMost(1.05),
            stalled(),
        ),
        goal(
            "10⁴ → 10⁷ events",
            "CPU of a send, by how much it grows",
            AtMost(1.3),
            AtMost(1.1),
            grown(figures, Request::Send),
        ),
        goal(
            "",
            "CPU of a history page, by how much it grows",
            AtMost(1.3),
            AtMost(1.1),
            grown(figures, Request::History),
        ),
        goal(
            "",
            "CPU of a catch-up page, by how much it grows",
            AtMost(1.3),
            AtMost(1.1),
            grown(figures, Request::CatchUp),
        ),
    ]
}

/// Events in the logs whose costs are compared.
pub const SMALL: u64 = 10_000;
pub const LARGE: u64 = 10_000_000;

fn grown(figures: &Figures, request: Request) -> Option<f64> {
    let cost = |events| figures.median(Load::Grown(request, events), Who::Longwave, What::CpuUs);
    Some(cost(LARGE)? / cost(SMALL)?)
}
