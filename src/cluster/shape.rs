//! How many processes there are, which this one is, and where the others are.

use super::ClusterError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;

/// One process of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which this is, from 0.
    pub process: usize,
    /// Where each process listens for the others, as written.
    pub addresses: Vec<String>,
}

impl Shape {
    /// Reads the addresses of `processes` processes, one a line, from a file; empty lines and
    /// what follows a `#` are left out.
    ///
    /// # Errors
    /// When the file cannot be read, or does not have an address for each of them.
    pub fn read(processes: usize, process: usize, file: &Path) -> Result<Shape, ClusterError> {
        let text = fs::read_to_string(file)
            .map_err(|source| ClusterError::Hosts { path: file.to_owned(), source })?;
        let wrong = |problem: String| ClusterError::Shape(format!("{}: {problem}", file.display()));
        Shape::parse(processes, process, &text).map_err(wrong)
    }

    fn parse(processes: usize, process: usize, text: &str) -> Result<Shape, String> {
        if process >= processes {
            return Err(format!(
                "there is no process {process} of {processes}; they are numbered from 0"
            ));
        }
        let mut addresses: Vec<String> = Vec::with_capacity(processes);
        for (number, line) in text.lines().enumerate() {
            let address = line.split('#').next().unwrap_or_default().trim();
            if address.is_empty() || addresses.len() == processes {
                continue;
            }
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none_or(|port| port == 0) {
                let at = number + 1;
                return Err(format!("line {at}: `{address}` is no host with a port, `host:2101`"));
            }
            if addresses.iter().any(|other| other == address) {
                return Err(format!("line {}: `{address}` is there twice", number + 1));
            }
            addresses.push(address.to_owned());
        }
        if addresses.len() < processes {
            let there = addresses.len();
            return Err(format!("{there} addresses for {processes} processes; add one a line"));
        }
        Ok(Shape { process, addresses })
    }

    /// How many there are.
    pub fn processes(&self) -> usize {
        self.addresses.len()
    }

    /// Where this process listens.
    pub fn own(&self) -> &str {
        &self.addresses[self.process]
    }

    /// Whether programs of other machines may reach the address of this process.
    pub fn is_exposed(&self) -> bool {
        let reached = self.own().to_socket_addrs();
        // One that cannot be resolved is told about when it is listened on.
        reached.is_ok_and(|mut all| all.any(|address| !address.ip().is_loopback()))
    }
}

/// A process of several, as its data directory knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Which.
    pub process: usize,
    /// Of how many.
    pub processes: usize,
    /// Worker threads of each.
    pub workers: usize,
}

impl Membership {
    /// Name of its file in the data directory.
    pub const FILE: &str = "cluster.json";

    /// What a data directory says; nothing when it is that of a process alone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(data_dir: &Path) -> io::Result<Option<Membership>> {
        match fs::read(data_dir.join(Membership::FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Membership { process, processes, workers } = self;
        write!(f, "process {process} of {processes} with {workers} workers each")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_a_line_for_each_process() {
        let text = "# two\n a:2101 \n\n127.0.0.1:2102 # here\nc:2103\n";
        let shape = Shape::parse(2, 1, text).unwrap();
        assert_eq!(shape.addresses, ["a:2101", "127.0.0.1:2102"]);
        assert_eq!((shape.processes(), shape.own()), (2, "127.0.0.1:2102"));
        assert!(!shape.is_exposed());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (processes, process, text, problem) in [
            (2, 2, "a:1\nb:1\n", "there is no process 2 of 2"),
            (2, 0, "a:1\n", "1 addresses for 2 processes"),
            (2, 0, "a:1\nb\n", "line 2: `b` is no host with a port"),
            (2, 0, "a:1\n\na:1\n", "line 3: `a:1` is there twice"),
            (1, 0, "a:0\n", "line 1: `a:0` is no host"),
        ] {
            let told = Shape::parse(processes, process, text).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
