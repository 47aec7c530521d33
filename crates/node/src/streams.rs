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

/// After its last word a stream waits so long for the peer to have read it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// What a stream task tells the driver.
#[derive(Debug)]
pub(crate) enum StreamInput {
    /// A stream to a peer is open.
    Opened,
    /// Ready for the next step.
    Next { id: StreamId, reply: oneshot::Sender<StreamStep> },
    /// A frame came; then the next step.
    Frame { id: StreamId, frame: Vec<u8>, reply: oneshot::Sender<StreamStep> },
    /// It ended before the engine said so.
    Ended { id: StreamId, end: StreamEnd },
}

/// The tasks, and the channel on which they ask. Dropping it ends them all.
///
/// The channel has no bound of its own: each task has at most one question in it, and its end.
#[derive(Debug)]
pub(crate) struct Streams {
    opened: JoinSet<()>,
    accepted: JoinSet<()>,
    asking: mpsc::UnboundedSender<StreamInput>,
    inbox: mpsc::UnboundedReceiver<StreamInput>,
    limits: StreamLimits,
    source: IpAddr,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    /// To open a stream; and for a peer that opened one, to say its first word.
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
        let (asking, inbox) = mpsc::unbounded_channel();
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
            let line = Line::new(open.id, asking);
            match connect.await {
                Ok(stream) => {
                    line.tell(StreamInput::Opened);
                    line.run(stream, limits.total, limits.total).await;
                }
                Err(end) => line.ended(end),
            }
        };
        spawn(&mut self.opened, task)
    }

    /// Serves a stream that a peer opened, when there is room.
    pub(crate) fn serve(&mut self, id: StreamId, stream: TcpStream) -> bool {
        let (line, limits) = (Line::new(id, self.asking.clone()), self.limits);
        // Silent connections must not keep others out for long.
        spawn(&mut self.accepted, line.run(stream, limits.dial, limits.total))
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
    asking: mpsc::UnboundedSender<StreamInput>,
    /// What the driver is told when this is dropped, unless it knows: a task may die.
    end: Option<StreamEnd>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.tell(StreamInput::Ended { id: self.id, end });
        }
    }
}

impl Line {
    fn new(id: StreamId, asking: mpsc::UnboundedSender<StreamInput>) -> Line {
        Line { id, asking, end: Some(StreamEnd::Failed("the stream's task died".to_owned())) }
    }

    /// Carries frames until the driver says close. The peer's first frame may take as long as
    /// `first`, the whole as long as `total`.
    async fn run(mut self, mut stream: TcpStream, first: Duration, total: Duration) {
        match timeout(total, self.converse(&mut stream, first)).await {
            Ok(Ok(())) => {
                self.end = None;
                linger(stream).await;
            }
            Ok(Err(end)) => self.ended(end),
            Err(_) => self.ended(late("the stream was not done", total)),
        }
    }

    /// Does what the driver says until it says close.
    async fn converse(&self, stream: &mut TcpStream, first: Duration) -> Result<(), StreamEnd> {
        let mut silent = true;
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
                    let frame = if silent {
                        let word = timeout(first, read_frame(stream)).await;
                        word.map_err(|_| late("the peer said nothing", first))??
                    } else {
                        read_frame(stream).await?
                    };
                    silent = false;
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
        self.tell(input(self.id, reply));
        step.await.unwrap_or(StreamStep::Close)
    }

    fn tell(&self, input: StreamInput) {
        // Fails only when the driver is gone, and then nobody asks.
        let _ = self.asking.send(input);
    }

    /// The end, told as this is dropped.
    fn ended(mut self, end: StreamEnd) {
        self.end = Some(end);
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

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::Time;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use crate::publisher::tests::engine;

    fn stream_id() -> StreamId {
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        engine().stream_accepted(Time::ZERO, peer).expect("there is room")
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_keeps_its_stream_for_as_long_as_a_dial_may_take() {
        let (id, limits) = (stream_id(), StreamLimits::for_period(Duration::from_secs(1)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let _silent = TcpStream::connect(address).await.expect("accepted");
        let (stream, from) = listener.accept().await.expect("a connection");
        let mut streams = Streams::new(limits, from.ip());
        let start = Instant::now();
        assert!(streams.serve(id, stream));
        let Some(StreamInput::Next { reply, .. }) = streams.next().await else {
            panic!("it asks what to do")
        };
        reply.send(StreamStep::Receive).expect("it waits");
        let Some(StreamInput::Ended { id: ended, end: StreamEnd::Failed(why) }) =
            streams.next().await
        else {
            panic!("it ends")
        };
        assert_eq!((ended, why.contains("said nothing")), (id, true), "{why}");
        let taken = start.elapsed();
        assert!(limits.dial <= taken && taken < limits.total, "{taken:?}");
    }

    #[tokio::test]
    async fn the_driver_is_told_of_a_stream_whose_task_died() {
        let (asking, mut inbox) = mpsc::unbounded_channel();
        let (id, mut tasks) = (stream_id(), JoinSet::new());
        let line = Line::new(id, asking);
        let dying = async move {
            let _line = line;
            panic!("on purpose");
        };
        assert!(spawn(&mut tasks, dying));
        let told = inbox.recv().await;
        assert!(matches!(told, Some(StreamInput::Ended { id: ended, .. }) if ended == id));
    }
}
