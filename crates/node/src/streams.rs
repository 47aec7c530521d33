//! Streams: small tasks that carry frames between a connection and the driver.
//!
//! A task knows nothing of the protocol. It asks the driver what to do next, does it, and asks
//! again; the answer is always a [`StreamStep`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use headcount_swim::{StreamEnd, StreamId, StreamOpen, StreamStep};
use headcount_wire::frame_length;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The most streams open at once, in each direction.
const STREAMS_MAX: usize = 128;

/// Requests of stream tasks that may wait for the driver.
const INBOX: usize = 64;

/// After its last word a stream waits so long for the peer to have read it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// What a stream task tells the driver.
#[derive(Debug)]
pub(crate) enum StreamInput {
    /// Ready for the next step.
    Next { id: StreamId, reply: oneshot::Sender<StreamStep> },
    /// A frame came; then the next step.
    Frame { id: StreamId, frame: Vec<u8>, reply: oneshot::Sender<StreamStep> },
    /// It ended before the engine said so.
    Ended { id: StreamId, end: StreamEnd },
}

/// The tasks, and the channel on which they ask. Dropping it ends them all.
#[derive(Debug)]
pub(crate) struct Streams {
    opened: JoinSet<()>,
    accepted: JoinSet<()>,
    asking: mpsc::Sender<StreamInput>,
    inbox: mpsc::Receiver<StreamInput>,
    limits: StreamLimits,
    source: IpAddr,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    /// To open a stream.
    pub(crate) dial: Duration,
    /// From the first to the last byte.
    pub(crate) total: Duration,
}

impl StreamLimits {
    /// Dial: 3 periods, within 1 and 5 seconds. Total: 10 periods, at least 5 seconds.
    pub(crate) fn for_period(period: Duration) -> StreamLimits {
        let second = Duration::from_secs(1);
        StreamLimits {
            dial: (period * 3).clamp(second, second * 5),
            total: (period * 10).max(second * 5),
        }
    }
}

impl Streams {
    /// Streams come from `source`, unless that stands for all addresses, as datagrams do: a host
    /// with several addresses speaks to its peers from one.
    pub(crate) fn new(limits: StreamLimits, source: IpAddr) -> Streams {
        let (asking, inbox) = mpsc::channel(INBOX);
        let (opened, accepted) = (JoinSet::new(), JoinSet::new());
        Streams { opened, accepted, asking, inbox, limits, source }
    }

    /// The next thing that a stream tells. Cancel safe; never `None` while `self` lives.
    pub(crate) async fn next(&mut self) -> Option<StreamInput> {
        self.inbox.recv().await
    }

    /// Opens a stream; false when too many are open.
    pub(crate) fn open(&mut self, open: StreamOpen) -> bool {
        let (asking, limits, source) = (self.asking.clone(), self.limits, self.source);
        let connect = async move {
            match timeout(limits.dial, connect(source, open.to)).await {
                Ok(connected) => connected.map_err(ended),
                Err(_) => Err(late("the connection did not open", limits.dial)),
            }
        };
        let task = async move {
            let line = Line { id: open.id, asking };
            match connect.await {
                Ok(stream) => line.run(stream, limits.total).await,
                Err(end) => line.ended(end).await,
            }
        };
        spawn(&mut self.opened, task)
    }

    /// Serves a stream that a peer opened, when there is room.
    pub(crate) fn serve(&mut self, id: StreamId, stream: TcpStream) -> bool {
        let line = Line { id, asking: self.asking.clone() };
        let total = self.limits.total;
        spawn(&mut self.accepted, async move { line.run(stream, total).await })
    }
}

async fn connect(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if !source.is_unspecified() && source.is_ipv4() == to.is_ipv4() {
        socket.bind((source, 0).into())?;
    }
    socket.connect(to).await
}

fn spawn(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) -> bool {
    reap(tasks);
    let room = tasks.len() < STREAMS_MAX;
    if room {
        tasks.spawn(task);
    }
    room
}

fn reap(tasks: &mut JoinSet<()>) {
    while let Some(done) = tasks.try_join_next() {
        if let Err(error) = done {
            tracing::error!(%error, "a stream task died");
        }
    }
}

/// One task's end of the conversation with the driver.
struct Line {
    id: StreamId,
    asking: mpsc::Sender<StreamInput>,
}

impl Line {
    async fn run(&self, mut stream: TcpStream, total: Duration) {
        match timeout(total, self.converse(&mut stream)).await {
            Ok(Ok(())) => linger(stream).await,
            Ok(Err(end)) => self.ended(end).await,
            Err(_) => self.ended(late("the stream was not done", total)).await,
        }
    }

    /// Does what the driver says until it says close.
    async fn converse(&self, stream: &mut TcpStream) -> Result<(), StreamEnd> {
        // Best effort: without it small frames wait for each other.
        let _ = stream.set_nodelay(true);
        let mut step = self.ask(|id, reply| StreamInput::Next { id, reply }).await;
        loop {
            step = match step {
                StreamStep::Send(bytes) => {
                    stream.write_all(&bytes).await.map_err(ended)?;
                    self.ask(|id, reply| StreamInput::Next { id, reply }).await
                }
                StreamStep::Receive => {
                    let frame = read_frame(stream).await?;
                    self.ask(|id, reply| StreamInput::Frame { id, frame, reply }).await
                }
                StreamStep::Close => return Ok(()),
            };
        }
    }

    /// A driver that is gone wants the stream closed.
    async fn ask(
        &self,
        input: impl FnOnce(StreamId, oneshot::Sender<StreamStep>) -> StreamInput,
    ) -> StreamStep {
        let (reply, step) = oneshot::channel();
        match self.asking.send(input(self.id, reply)).await {
            Ok(()) => step.await.unwrap_or(StreamStep::Close),
            Err(_) => StreamStep::Close,
        }
    }

    async fn ended(&self, end: StreamEnd) {
        // Fails only when the driver is gone, and then nobody asks.
        let _ = self.asking.send(StreamInput::Ended { id: self.id, end }).await;
    }
}

async fn read_frame(stream: &mut TcpStream) -> Result<Vec<u8>, StreamEnd> {
    let mut prefix = [0; 4];
    if stream.read(&mut prefix[..1]).await.map_err(ended)? == 0 {
        return Err(StreamEnd::Finished);
    }
    stream.read_exact(&mut prefix[1..]).await.map_err(ended)?;
    let length = frame_length(prefix).map_err(|error| StreamEnd::Failed(error.to_string()))?;
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await.map_err(ended)?;
    Ok(frame)
}

/// Closes a connection so that the peer gets the last words: dropping it with bytes unread would
/// reset it.
async fn linger(mut stream: TcpStream) {
    let rest = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Whatever goes wrong now, the stream is done.
    let _ = timeout(LINGER, rest).await;
}

fn ended(error: io::Error) -> StreamEnd {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => StreamEnd::Refused,
        _ => StreamEnd::Failed(error.to_string()),
    }
}

fn late(what: &str, after: Duration) -> StreamEnd {
    StreamEnd::Failed(format!("{what} within {after:?}"))
}
