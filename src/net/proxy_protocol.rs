//! The PROXY protocol: what a balancer in front says of a connection before its first byte, versions 1 and 2.
//!
//! Source: the protocol's specification, <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, "spec" below.
//!
//! [`read`] is asked again with more bytes until it knows. It is bounded, copies nothing and keeps nothing between calls.
//!
//! Decisions
//! - What is no header is told apart from the first byte that differs, so that who may leave it out can.
//! - A header that says nothing of the client (`LOCAL`, `UNKNOWN`, a Unix socket, an unspecified family) leaves the peer of the
//!   connection as it is: health checks of the balancer's own come this way.
//! - Only streams are carried: a header for datagrams is an error.
//! - TLVs are skipped, but their form is checked, and so is a checksum (CRC32C) where one is sent.
//! - Text addresses of version 1 are decimal IPv4 or IPv6 in any valid spelling, without a zone; ports are decimal without
//!   a sign or a leading zero.
//!
//! Not here: reading from a socket, and how long that may take (`connection`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crc::{CRC_32_ISCSI, Crc};

use crate::addr::{PeerAddr, Prefix};

/// Whose header a listener believes. Without settings it knows of no headers, and one is as good as any other nonsense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether a header may be left out.
    pub mode: Mode,
    /// The addresses that headers are taken from. Who may write one chooses the address that requests are judged by.
    pub peers: Vec<Prefix>,
}

/// Whether a header may be left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Every connection begins with one; who may not send one may not connect.
    Require,
    /// The peers listed may send one, the others may not.
    Allow,
}

/// What a listener asks of a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// Its connection is closed.
    Nothing,
    /// It speaks for itself: what it sends is no header.
    NoHeader,
    /// A header, or none.
    MayHaveHeader,
    /// A header.
    Header,
}

impl Settings {
    /// What is asked of `peer`.
    pub fn duty(&self, peer: PeerAddr) -> Duty {
        let is_listed = self.peers.iter().any(|prefix| prefix.contains(peer.ip()));
        match (self.mode, is_listed) {
            (Mode::Require, true) => Duty::Header,
            (Mode::Require, false) => Duty::Nothing,
            (Mode::Allow, true) => Duty::MayHaveHeader,
            (Mode::Allow, false) => Duty::NoHeader,
        }
    }
}

/// A header, read whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Where the connection came from; none where the header does not say.
    pub source: Option<SocketAddr>,
    /// Bytes of the header: what follows belongs to the connection.
    pub length: usize,
}

/// What is known from the bytes so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// They begin like a header; more are needed.
    Incomplete,
    /// They begin with a header.
    Header(Header),
    /// They are something else.
    NoHeader,
}

/// Why bytes that begin like a header are none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// A line of version 1 that is longer than any may be, or does not end as lines do.
    #[error("the line of version 1 does not end")]
    Line,
    /// A line of version 1 whose parts are not what they have to be.
    #[error("the line of version 1 is malformed")]
    Fields,
    /// Another version or command, or another family or transport, than there is.
    #[error("version 2 with a command or a family that is unknown")]
    Unknown,
    /// Addresses for datagrams.
    #[error("version 2 for datagrams")]
    Datagram,
    /// More than [`MOST_BYTES`].
    #[error("version 2 with {bytes} bytes; expected at most {MOST_BYTES}")]
    TooLong {
        /// Bytes that it announces, its own beginning included.
        bytes: usize,
    },
    /// Fewer bytes than the family's addresses take, or a TLV that is cut.
    #[error("version 2 is cut")]
    Cut,
    /// The checksum is another one.
    #[error("the checksum of version 2 is wrong")]
    Checksum,
}

/// Bytes of a header. Version 1 has at most 107; of version 2 this leaves room for every TLV that is defined, a client
/// certificate's names included.
pub const MOST_BYTES: usize = 4096;

/// What `bytes`, the first of a connection, begin with.
///
/// # Errors
/// They begin like a header and are none.
pub fn read(bytes: &[u8]) -> Result<Progress, HeaderError> {
    if begins_with(bytes, V2_SIGNATURE) {
        read_v2(bytes)
    } else if begins_with(bytes, V1_WORD) {
        read_v1(bytes)
    } else {
        Ok(Progress::NoHeader)
    }
}

/// Whether `bytes`, as far as they go, are the beginning of something that begins with `word`.
fn begins_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.iter().zip(word).all(|(byte, expected)| byte == expected)
}

/// One line of text: spec, section 2.1.
fn read_v1(bytes: &[u8]) -> Result<Progress, HeaderError> {
    let line = &bytes[..bytes.len().min(V1_MOST_BYTES)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < V1_MOST_BYTES {
            Ok(Progress::Incomplete)
        } else {
            Err(HeaderError::Line)
        };
    };
    let text = line[..end].strip_suffix(b"\r").ok_or(HeaderError::Line)?;
    let text = std::str::from_utf8(text).map_err(|_| HeaderError::Fields)?;
    let source = v1_source(text).ok_or(HeaderError::Fields)?;
    Ok(Progress::Header(Header { source, length: end + 1 }))
}

/// The source that a line tells: `Some(None)` where it tells that it does not know.
fn v1_source(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What follows is to be passed over.
        return Some(None);
    }
    let [source, destination, source_port, destination_port] =
        words.collect::<Vec<_>>().try_into().ok()?;
    let parse: fn(&str) -> Option<IpAddr> = match family {
        "TCP4" => |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        "TCP6" => |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        _ => return None,
    };
    parse(destination)?;
    v1_port(destination_port)?;
    Some(Some(SocketAddr::new(parse(source)?, v1_port(source_port)?)))
}

fn v1_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_shortest = text == "0" || !text.starts_with('0');
    if is_plain && is_shortest { text.parse().ok() } else { None }
}

/// A fixed beginning, addresses and TLVs: spec, section 2.2.
fn read_v2(bytes: &[u8]) -> Result<Progress, HeaderError> {
    let Some((fixed, rest)) = bytes.split_at_checked(V2_FIXED_BYTES) else {
        return Ok(Progress::Incomplete);
    };
    let (command, family) = (fixed[12], fixed[13]);
    let announced = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let length = V2_FIXED_BYTES + announced;
    if length > MOST_BYTES {
        return Err(HeaderError::TooLong { bytes: length });
    }
    let is_local = match command {
        V2_LOCAL => true,
        V2_PROXY => false,
        _ => return Err(HeaderError::Unknown),
    };
    let addresses = V2Addresses::of(family)?;
    let Some(content) = rest.get(..announced) else { return Ok(Progress::Incomplete) };
    let (block, tlvs) = match content.split_at_checked(addresses.bytes()) {
        Some(parts) => parts,
        // A local connection needs no addresses, whatever family it names.
        None if is_local => (&[][..], &[][..]),
        None => return Err(HeaderError::Cut),
    };
    check_tlvs(&bytes[..length], tlvs)?;
    let source = if is_local { None } else { addresses.source(block) };
    Ok(Progress::Header(Header { source, length }))
}

/// What addresses a header of version 2 has.
#[derive(Clone, Copy)]
enum V2Addresses {
    Unspecified,
    V4,
    V6,
    Unix,
}

impl V2Addresses {
    /// Family in the upper half, transport in the lower.
    fn of(byte: u8) -> Result<Self, HeaderError> {
        match byte {
            0x00 => Ok(Self::Unspecified),
            0x11 => Ok(Self::V4),
            0x21 => Ok(Self::V6),
            0x31 => Ok(Self::Unix),
            0x12 | 0x22 | 0x32 => Err(HeaderError::Datagram),
            _ => Err(HeaderError::Unknown),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 12,
            Self::V6 => 36,
            Self::Unix => 216,
        }
    }

    /// The source in a block of as many bytes: both addresses, then both ports.
    fn source(self, block: &[u8]) -> Option<SocketAddr> {
        let (ip, port) = match self {
            Self::Unspecified | Self::Unix => return None,
            Self::V4 => (IpAddr::from(*block.first_chunk::<4>()?), block.get(8..10)?),
            Self::V6 => (IpAddr::from(*block.first_chunk::<16>()?), block.get(32..34)?),
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes([*port.first()?, *port.get(1)?])))
    }
}

/// Passes over the TLVs, and checks the checksum if there is one: spec, sections 2.2.1 and 2.2.3.
fn check_tlvs(header: &[u8], mut tlvs: &[u8]) -> Result<(), HeaderError> {
    while let Some((fixed, rest)) = tlvs.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([fixed[1], fixed[2]]));
        let (value, after) = rest.split_at_checked(length).ok_or(HeaderError::Cut)?;
        if fixed[0] == TLV_CRC32C {
            let sent: [u8; 4] = value.try_into().map_err(|_| HeaderError::Cut)?;
            let at = header.len() - after.len() - sent.len();
            if checksum(header, at) != u32::from_be_bytes(sent) {
                return Err(HeaderError::Checksum);
            }
        }
        tlvs = after;
    }
    if tlvs.is_empty() { Ok(()) } else { Err(HeaderError::Cut) }
}

/// The checksum of a header, the four bytes that hold it taken for zeros.
fn checksum(header: &[u8], at: usize) -> u32 {
    const CASTAGNOLI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    let mut digest = CASTAGNOLI.digest();
    digest.update(&header[..at]);
    digest.update(&[0; 4]);
    digest.update(&header[at + 4..]);
    digest.finalize()
}

const V1_WORD: &[u8] = b"PROXY ";
/// The longest line, its end included. Source: spec, section 2.1.
const V1_MOST_BYTES: usize = 107;

const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED_BYTES: usize = 16;
/// Version in the upper half, command in the lower.
const V2_LOCAL: u8 = 0x20;
const V2_PROXY: u8 = 0x21;

/// `PP2_TYPE_CRC32C`
const TLV_CRC32C: u8 = 0x03;

#[cfg(test)]
mod tests;
