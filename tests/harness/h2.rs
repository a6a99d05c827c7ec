//! HTTP/2 by hand, so that a test can do what no library would.

use std::net::SocketAddr;

use super::Client;

/// A frame as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The setting that says how much of a response may be sent unasked.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One connection by prior knowledge.
#[derive(Debug)]
pub(crate) struct H2 {
    pub(crate) client: Client,
}

impl H2 {
    /// Connects from 127.0.0.1 and says how it is set.
    pub(crate) fn connect(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Client::connect(to);
        client.send(PREFACE);
        let mut connection = Self { client };
        connection.set(settings);
        connection
    }

    pub(crate) fn set(&mut self, settings: &[(u16, u32)]) {
        let each =
            |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let payload: Vec<u8> = settings.iter().flat_map(each).collect();
        self.send(SETTINGS, 0, 0, &payload);
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.client.send([&head, payload].concat());
    }

    /// The head of a request; `flags` beside that of a whole head.
    pub(crate) fn request(&mut self, stream: u32, flags: u8, method: &str, path: &str) {
        let mut block = vec![0x86]; // `:scheme: http`
        for (index, value) in [(2, method), (4, path), (1, "127.0.0.1")] {
            // A literal with an indexed name that nobody remembers: method, path, authority.
            block.extend([index, u8::try_from(value.len()).unwrap()]);
            block.extend(value.as_bytes());
        }
        self.send(HEADERS, END_HEADERS | flags, stream, &block);
    }

    /// The next frame; none at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let head = self.client.try_read_exact(9)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b));
        let payload = self.client.try_read_exact(number(&head[..3]) as usize)?;
        let (kind, flags, stream) = (head[3], head[4], number(&head[5..]));
        if kind == SETTINGS && flags & ACK == 0 {
            self.send(SETTINGS, ACK, 0, &[]);
        }
        if kind == PING && flags & ACK == 0 {
            self.send(PING, ACK, 0, &payload);
        }
        Some(Frame { kind, flags, stream, payload })
    }

    /// Every frame up to the one that `is_last`, or to the connection's end.
    pub(crate) fn frames_until(&mut self, is_last: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next() {
            let done = is_last(&frame);
            frames.push(frame);
            if done {
                break;
            }
        }
        frames
    }
}
