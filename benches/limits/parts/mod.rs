//! The loads. Each part of a round starts its servers, drives them in turn, and adds to the figures.

mod catch_up;
mod fan_out;
mod growth;
mod memory;
mod reads;
mod reconnect;
mod sends;
mod stalled;

use crate::figures::Figures;
use crate::options::{Options, Part};
use crate::scratch::Scratch;
use crate::servers::{Home, Server, Who};
use crate::stage::{self, Shape, Stage};
use std::collections::HashMap;

/// What the parts of all rounds share.
pub struct Run<'a> {
    pub options: &'a Options,
    pub scratch: &'a Scratch,
    pub figures: Figures,
    /// Who is installed, in the order in which they are driven.
    pub present: Vec<Who>,
    /// Longwave's data directories, with those who are in them.
    halls: HashMap<Shape, Hall>,
    behind: Option<catch_up::Behind>,
    refuge: Option<reconnect::Refuge>,
    logs: Vec<growth::Log>,
}

struct Hall {
    home: Home,
    stage: Stage,
}

impl<'a> Run<'a> {
    pub fn new(options: &'a Options, scratch: &'a Scratch, present: Vec<Who>) -> Self {
        Self {
            options,
            scratch,
            figures: Figures::default(),
            present,
            halls: HashMap::new(),
            behind: None,
            refuge: None,
            logs: Vec::new(),
        }
    }

    /// Runs one part once.
    pub fn part(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Memory => memory::run(self),
            Part::FanOut => fan_out::run(self),
            Part::Sends => sends::run(self),
            Part::CatchUp => catch_up::run(self),
            Part::Reconnect => reconnect::run(self),
            Part::Stalled => stalled::run(self),
            Part::Reads => reads::run(self),
            Part::Growth => growth::run(self),
        }
    }

    /// Starts a server and takes it and its stage to `drive`; then stops it.
    fn with<T>(
        &mut self,
        who: Who,
        shape: Shape,
        drive: impl FnOnce(&mut Self, &Server, &Stage) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eprint!("{who} ");
        if who != Who::Longwave {
            let dir = self.scratch.make(&who.to_string())?;
            let server = Server::other(who, &dir)?;
            let stage = stage::other(&server, shape)?;
            let driven = drive(self, &server, &stage)?;
            server.stop()?;
            return Ok(driven);
        }
        // Conversations are made once; each round goes on with them.
        let Hall { home, stage } = match self.halls.remove(&shape) {
            Some(hall) => hall,
            None => {
                let home = self.scratch.home()?;
                let server = Server::longwave(&home)?;
                let stage = stage::longwave::stage(server.address, shape)?;
                server.stop()?;
                Hall { home, stage }
            }
        };
        let server = Server::longwave(&home)?;
        let driven = drive(self, &server, &stage)?;
        server.stop()?;
        self.halls.insert(shape, Hall { home, stage });
        Ok(driven)
    }
}
