//! The access log: one JSON line a request, off the request's way.
//!
//! A worker hands a [`Record`] to a bounded queue and goes on; one thread makes lines of the records and writes them.
//! When the queue is full, or the log can't be written, lines are dropped and counted: a slow disk or a stalled pipe
//! costs lines, never a request.
//!
//! Invariants
//! - [`AccessLog::write`] never waits.
//! - Every record accepted before [`AccessLogGuard::close`] is written by it, or counted as dropped.
//! - What is queued is bounded in number and in bytes: a record holds cut copies, never a connection's buffer.
//! - Nothing of a query, of a user part or of a header but the request id can get into a line: see [`RequestText`].
//!
//! A file is opened for appending and stays open. To rotate it, copy and truncate it (logrotate's `copytruncate`):
//! the next line goes to the new end.
//!
//! Not here: the fields and their form (`record`), the operator's log ([`init`](super::init)).

mod record;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use prometheus::IntCounter;

pub use record::{Record, RequestText};

use super::{AccessLogTarget, LogSettings};

/// Where records are handed in. Clones share one queue.
#[derive(Clone, Debug)]
pub struct AccessLog(Option<Queue>);

#[derive(Clone, Debug)]
struct Queue {
    records: SyncSender<Message>,
    dropped: IntCounter,
}

impl AccessLog {
    /// Opens the target and starts the thread that writes to it. Lines that are dropped count in `dropped`.
    ///
    /// # Errors
    /// The file can't be opened for appending, or the thread not started.
    pub fn start(
        settings: &LogSettings,
        dropped: IntCounter,
    ) -> io::Result<(Self, AccessLogGuard)> {
        let sink: Box<dyn Write + Send> = match &settings.access_log {
            AccessLogTarget::Off => return Ok((Self(None), AccessLogGuard(None))),
            AccessLogTarget::Stdout => Box::new(io::stdout()),
            AccessLogTarget::File(path) => Box::new(open_for_appending(path)?),
        };
        Self::start_with(sink, settings.access_log_queue, dropped)
    }

    fn start_with(
        sink: Box<dyn Write + Send>,
        queue: usize,
        dropped: IntCounter,
    ) -> io::Result<(Self, AccessLogGuard)> {
        let capacity = queue.max(1);
        let (records, queued) = sync_channel(capacity);
        let (alive, ended) = sync_channel(0);
        let closing = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            queued,
            closing: Arc::clone(&closing),
            pause: pause_for(capacity),
            batch: Batch { sink, lines: Vec::new(), count: 0, state: SinkState::Well },
            dropped: dropped.clone(),
            _alive: alive,
        };
        let thread = thread::Builder::new().name("access-log".into()).spawn(|| writer.run())?;
        let guard = Open { records: records.clone(), closing, ended, thread };
        Ok((Self(Some(Queue { records, dropped })), AccessLogGuard(Some(guard))))
    }

    /// Whether records go anywhere. Where they don't, the caller can spare itself making them.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands in a record; never waits. Dropped and counted when the queue is full or the log is closed.
    pub fn write(&self, record: Record) {
        if let Some(queue) = &self.0
            && queue.records.try_send(Message::Line(record)).is_err()
        {
            queue.dropped.inc();
        }
    }
}

/// Keeps the log open. Dropping it closes the log, as [`close`](Self::close) does.
#[derive(Debug)]
#[must_use = "the access log ends when this is dropped"]
pub struct AccessLogGuard(Option<Open>);

#[derive(Debug)]
struct Open {
    records: SyncSender<Message>,
    closing: Arc<AtomicBool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl AccessLogGuard {
    /// Writes what is queued and ends the thread. Waits for that, but at most five seconds: a target that takes
    /// nothing must not keep the program from ending.
    pub fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(open) = self.0.take() else { return };
        open.closing.store(true, Ordering::Release);
        // The writer either waits for a message, and then the queue has room for this one, or it pauses.
        let _ = open.records.try_send(Message::Wake);
        open.thread.thread().unpark();
        match open.ended.recv_timeout(CLOSING_TIME) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!("the access log takes no more lines; the last ones are lost");
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                let _ = open.thread.join();
            }
        }
    }
}

impl Drop for AccessLogGuard {
    fn drop(&mut self) {
        self.end();
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are records; a box would cost each request an allocation"
)]
enum Message {
    Line(Record),
    Wake,
}

/// The writing thread's state.
struct Writer {
    queued: Receiver<Message>,
    closing: Arc<AtomicBool>,
    pause: Duration,
    batch: Batch,
    dropped: IntCounter,
    /// Goes when the thread does, however it ends: the guard sees the other end.
    _alive: SyncSender<()>,
}

impl Writer {
    /// Waits for a record, writes all there are, pauses, and so on.
    ///
    /// The pause spares the workers: while the writer does not wait on the queue, handing in a record wakes nobody
    /// and costs no system call. So a busy proxy pays one wake-up and one write per pause instead of per request.
    fn run(mut self) {
        while let Ok(message) = self.queued.recv() {
            self.take(message);
            loop {
                // Read before the queue is emptied: what was handed in before the closing is then seen.
                let closing = self.closing.load(Ordering::Acquire);
                let any = self.drain();
                if closing {
                    return;
                }
                if !any {
                    break;
                }
                thread::park_timeout(self.pause);
            }
        }
    }

    /// Writes what is queued; whether there was anything.
    fn drain(&mut self) -> bool {
        let mut any = self.batch.count > 0;
        while let Ok(message) = self.queued.try_recv() {
            self.take(message);
            any = true;
        }
        self.write();
        any
    }

    fn take(&mut self, message: Message) {
        if let Message::Line(record) = message {
            self.batch.add(&record);
            if self.batch.lines.len() >= BATCH_BYTES {
                self.write();
            }
        }
    }

    fn write(&mut self) {
        self.dropped.inc_by(self.batch.write());
    }
}

/// Lines on their way to the target.
struct Batch {
    sink: Box<dyn Write + Send>,
    lines: Vec<u8>,
    count: u64,
    state: SinkState,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum SinkState {
    Well,
    /// The last write failed and may have left half a line.
    Failing,
}

impl Batch {
    fn add(&mut self, record: &Record) {
        record.write_line(&mut self.lines);
        self.count += 1;
    }

    /// Writes the lines out; returns how many were lost.
    fn write(&mut self) -> u64 {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return 0;
        }
        let result = self.write_bytes();
        self.lines.clear();
        match (&result, self.state) {
            (Err(error), SinkState::Well) => {
                tracing::error!(%error, "the access log cannot be written; lines are dropped");
            }
            (Ok(()), SinkState::Failing) => tracing::info!("the access log is written again"),
            _ => {}
        }
        self.state = if result.is_ok() { SinkState::Well } else { SinkState::Failing };
        if result.is_ok() { 0 } else { count }
    }

    fn write_bytes(&mut self) -> io::Result<()> {
        if self.state == SinkState::Failing {
            // Ends what may be half a line, so that the next one is whole.
            self.sink.write_all(b"\n")?;
        }
        self.sink.write_all(&self.lines)?;
        self.sink.flush()
    }
}

fn open_for_appending(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Addresses are personal data: not for everybody on the machine.
        options.mode(0o640);
    }
    options.open(path)
}

/// How long the writer pauses between two batches: 2 µs for each place in the queue, at most 20 ms. Whatever the
/// queue's size, it then takes half a million lines a second before one is dropped.
fn pause_for(capacity: usize) -> Duration {
    let places = u32::try_from(capacity).unwrap_or(u32::MAX);
    Duration::from_micros(2).saturating_mul(places).min(Duration::from_millis(20))
}

/// Bytes of lines gathered before they are written even though more records wait.
const BATCH_BYTES: usize = 64 * 1024;

/// How long the closing may take.
const CLOSING_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
