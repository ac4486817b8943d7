//! A history through the engine of one process, and of several that compute together.

use super::history::History;
use super::run::{Epoch, epochs, input, params};
use causeway::runtime::{EpochInput, Mesh, Past, begin};
use causeway_dataflows::model::AlertBatch;
use causeway_dataflows::ops::tap::Tap;
use causeway_dataflows::pipeline::Saved;
use std::net::{TcpListener, TcpStream};

/// Both sides of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let other = listener.accept().unwrap().0;
    for stream in [&one, &other] {
        stream.set_nodelay(true).unwrap();
    }
    (one, other)
}

/// Each process connected to those before it, and to itself not at all.
fn meshes(processes: usize) -> Vec<Mesh> {
    let mut sockets: Vec<Vec<Option<TcpStream>>> = Vec::new();
    for _ in 0..processes {
        let mut own = Vec::new();
        for earlier in &mut sockets {
            let (one, other) = connection();
            earlier.push(Some(one));
            own.push(Some(other));
        }
        own.push(None);
        sockets.push(own);
    }
    sockets.into_iter().map(|sockets| Mesh { sockets }).collect()
}

/// Which process brings something in: whatever senders happen to reach.
fn home(place: usize, processes: usize) -> usize {
    (place * 7 + 3) % processes
}

/// The part of an epoch that one process brings in.
fn share(epoch: &Epoch, process: usize, processes: usize) -> Epoch {
    let own = epoch.heard.iter().filter(|(_, place, _)| home(*place, processes) == process);
    Epoch { tick: epoch.tick, heard: own.cloned().collect() }
}

/// The parts of an epoch as one process reads them from the journals of all, the last one first.
fn from_journals(epoch: &Epoch, workers: usize, processes: usize) -> EpochInput {
    let mut all = EpochInput::default();
    for process in (0..processes).rev() {
        let part = input(&share(epoch, process, processes), workers);
        let own = |batch| AlertBatch { process: process as u32, ..batch };
        all.alerts.extend(part.alerts.into_iter().map(own));
        all.context.extend(part.context);
    }
    all
}

/// The answers of all epochs of one process, in words, and what it saved after one of them.
fn answers(
    history: &History,
    workers: usize,
    (process, processes, mesh): (usize, usize, Option<Mesh>),
    (cut, past): (Option<usize>, Option<Past>),
) -> (Vec<String>, Option<Saved>) {
    let is_alone = mesh.is_none();
    let mut params = params(history);
    params.saving_slice = 1;
    let after = past.as_ref().map_or(0, |past| past.epoch as usize + 1);
    let (mut feeder, mut collector) =
        begin(workers, &params, 1 << 20, (mesh, past), &Tap::default()).unwrap();
    for (at, epoch) in epochs(history).iter().enumerate().skip(after) {
        let input = match is_alone {
            true => from_journals(epoch, workers, processes),
            false => input(&share(epoch, process, processes), workers * processes),
        };
        match cut == Some(at) {
            true => feeder.submit_and_save(epoch.tick, input).unwrap(),
            false => feeder.submit(epoch.tick, input).unwrap(),
        };
    }
    drop(feeder);
    let mut told = Vec::new();
    while let Some(mut output) = collector.next_epoch() {
        output.is_cut = false;
        told.push(format!("{output:?}"));
    }
    (told, collector.saved().map(|(_, shares)| Saved::of_shares(shares)))
}

/// The answers of process 0, and what each process saved.
fn together(
    history: &History,
    (processes, workers): (usize, usize),
    cut: Option<usize>,
    pasts: Vec<Option<Past>>,
) -> (Vec<String>, Vec<Option<Saved>>) {
    let both: Vec<_> = std::thread::scope(|scope| {
        let spawn = |(process, (mesh, past))| {
            let who = (process, processes, Some(mesh));
            scope.spawn(move || answers(history, workers, who, (cut, past)))
        };
        let meshes = meshes(processes).into_iter().zip(pasts).enumerate();
        let threads: Vec<_> = meshes.map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut told, saved): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    for others in &told[1..] {
        let empty =
            |line: &String| line.contains("incidents: [], rows: [], counts: [], sealed: []");
        assert!(others.iter().all(empty), "one process tells, and no other");
    }
    (told.swap_remove(0), saved)
}

/// Several processes answer each epoch as one does, also when they go on after what each of them
/// saved after one of them.
pub fn check(history: &History, shape: (usize, usize), cut: usize) -> Result<(), String> {
    let (expected, _) = answers(history, 1, (0, shape.0, None), (None, None));
    let epochs = epochs(history);
    let cut = cut % epochs.len();
    let (told, saved) = together(history, shape, Some(cut), vec![None; shape.0]);
    same(&told, &expected)?;
    let (epoch, tick) = (cut as u64, epochs[cut].tick);
    let past = |saved: Option<Saved>| saved.map(|saved| Past { epoch, tick, saved });
    let pasts: Vec<_> = saved.into_iter().map(past).collect();
    if pasts.iter().any(Option::is_none) {
        return Err("a process saved nothing".to_owned());
    }
    let (again, _) = together(history, shape, None, pasts);
    // The first answer after a start puts up all that stands.
    same(&again[1..], &expected[cut + 1..])
}

fn same(got: &[String], expected: &[String]) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} epochs were answered, not {}", got.len(), expected.len()));
    }
    match got.iter().zip(expected).position(|(got, expected)| got != expected) {
        None => Ok(()),
        Some(at) => Err(format!("answer {at}:\n several {}\n one     {}", got[at], expected[at])),
    }
}
