//! What two processes tell each other, and noticing that one of them is gone.

use super::ClusterError;
use super::message::Message;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Beats in the time after which silence means that somebody is gone.
const BEATS: u32 = 5;

/// What happens when another process is gone.
pub(super) type Lost = Arc<dyn Fn(ClusterError) + Send + Sync>;

/// Whether everything is told, so that whoever ends has done so rightly; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What watches over a link.
#[derive(Clone)]
pub(super) struct Watch {
    /// How long nothing may be heard.
    pub(super) silence: Duration,
    pub(super) ending: Ending,
    pub(super) lost: Lost,
}

/// The way to another process.
pub(super) struct Link {
    pub(super) other: usize,
    stream: Mutex<TcpStream>,
    watch: Watch,
    /// Nothing is heard of the other process any more.
    is_lost: AtomicBool,
}

impl Link {
    /// Listens to the process `other`, and shows it that this one is there.
    pub(super) fn start(
        other: usize,
        stream: TcpStream,
        watch: Watch,
    ) -> io::Result<(Arc<Link>, Receiver<Message>)> {
        stream.set_read_timeout(Some(watch.silence))?;
        // One that does not read is as good as gone.
        stream.set_write_timeout(Some(watch.silence))?;
        let reading = stream.try_clone()?;
        let is_lost = AtomicBool::new(false);
        let link = Arc::new(Link { other, stream: Mutex::new(stream), watch, is_lost });
        let (heard, messages) = unbounded();
        let own = Arc::clone(&link);
        let named = |what: &str| std::thread::Builder::new().name(format!("{what}-{other}"));
        named("hear").spawn(move || own.hear(reading, &heard))?;
        let own = Arc::clone(&link);
        named("beat").spawn(move || own.beat())?;
        Ok((link, messages))
    }

    /// Tells the other process something.
    pub(super) fn send(&self, message: &Message) {
        let mut line = match serde_json::to_vec(message) {
            Ok(line) => line,
            Err(error) => return self.gone(&format!("cannot be told anything: {error}")),
        };
        line.push(b'\n');
        let sent = self.stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        if let Err(error) = sent {
            self.gone(&format!("cannot be told anything: {error}"));
        }
    }

    /// Whether nothing is heard of the other process any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    fn gone(&self, problem: &str) {
        self.is_lost.store(true, Ordering::Release);
        if !self.watch.ending.has_begun() {
            let problem = problem.to_owned();
            (self.watch.lost)(ClusterError::Gone { process: self.other, problem });
        }
    }

    fn hear(&self, stream: TcpStream, heard: &Sender<Message>) {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(_) if line.ends_with(b"\n") => {}
                Ok(_) => return self.gone("ended"),
                Err(error) if is_silence(&error) => {
                    let seconds = self.watch.silence.as_secs_f64();
                    return self.gone(&format!("was not heard of for {seconds} s"));
                }
                Err(error) => return self.gone(&format!("cannot be heard: {error}")),
            }
            match serde_json::from_slice(&line) {
                Ok(Message::Beat) => {}
                Ok(message) => {
                    if matches!(message, Message::Refused(_)) {
                        // Its end says no more than that.
                        self.watch.ending.begin();
                    }
                    // Nobody listens any more when all is over.
                    drop(heard.send(message));
                }
                Err(error) => return self.gone(&format!("says what nobody knows: {error}")),
            }
        }
    }

    fn beat(&self) {
        while !self.watch.ending.has_begun() && !self.is_lost() {
            self.send(&Message::Beat);
            std::thread::sleep(self.watch.silence / BEATS);
        }
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (one, listener.accept().unwrap().0)
    }

    fn watch(silence: Duration) -> (Watch, Receiver<String>) {
        let (tell, told) = unbounded();
        let lost: Lost = Arc::new(move |error| drop(tell.send(error.to_string())));
        (Watch { silence, ending: Ending::default(), lost }, told)
    }

    #[test]
    fn what_is_said_is_heard_and_silence_means_gone() {
        let (ours, theirs) = pair();
        let (watching, lost) = watch(Duration::from_millis(200));
        let (_link, heard) = Link::start(1, ours, watching).unwrap();
        let (quiet, _) = watch(Duration::from_secs(60));
        let (other, _) = Link::start(0, theirs, quiet).unwrap();
        other.send(&Message::Saved(vec![7]));
        assert!(matches!(heard.recv().unwrap(), Message::Saved(epochs) if epochs == [7]));
        // The other beats once in twelve seconds.
        assert!(lost.recv().unwrap().contains("process 1 was not heard of for 0.2 s"));
    }

    #[test]
    fn an_end_means_gone_unless_all_is_over() {
        for is_over in [false, true] {
            let (ours, theirs) = pair();
            let (watching, lost) = watch(Duration::from_secs(60));
            let ending = watching.ending.clone();
            let (_link, heard) = Link::start(1, ours, watching).unwrap();
            if is_over {
                ending.begin();
            }
            drop(theirs);
            assert!(heard.recv().is_err());
            assert_eq!(lost.try_recv().is_err(), is_over);
        }
    }
}
