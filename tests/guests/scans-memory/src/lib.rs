//! Looks for bytes in its own memory: whether a secret, once created, has left anything there.
#![allow(unsafe_code, reason = "the guest reads its whole linear memory, which no safe code can")]

use relhost_sdk::prelude::*;

/// The bytes that are looked for are never in memory as they are, or the search would find itself.
const MASK: u8 = 0x5a;

/// A text that is in memory for certain, because it is put there when the guest runs.
const MARKER: &str = "hay in the haystack ";

#[relhost_sdk::settings]
struct Settings {
    /// What is looked for: in hexadecimal digits, every byte XOR 0x5a.
    masked: Vec<String>,
    /// The registry connection of a pull secret that is created first.
    registry: String,
    /// The operator's secrets that become keys of another one.
    secrets: Vec<String>,
}

struct ScansMemory;

/// Looks for bytes in its own memory. Outputs: `found` times, `marker-found` times (which shows that the search
/// works), `scanned` bytes.
#[relhost_sdk::stage]
impl Stage for ScansMemory {
    type Settings = Settings;

    fn run(&self, ctx: &Context, settings: Settings) -> Result<Outcome, Failure> {
        ctx.secrets().docker_registry("pull", &settings.registry)?;
        let generic = ctx.secrets().generic("generic");
        settings.secrets.iter().fold(generic, |generic, name| generic.entry(name, name)).create()?;
        let masked: Option<Vec<Vec<u8>>> = settings.masked.iter().map(|digits| from_hex(digits)).collect();
        let masked = masked.ok_or_else(|| Failure::invalid_settings("masked", "not hexadecimal"))?;
        let marker = std::hint::black_box(MARKER.repeat(2));
        let masked_marker: Vec<u8> = marker.bytes().map(|byte| byte ^ MASK).collect();
        let outcome = Outcome::succeeded("searched")
            .output("found", masked.iter().map(|masked| count(masked)).sum::<usize>().to_string())
            .output("marker-found", count(&masked_marker).to_string())
            .output("scanned", memory().to_string());
        drop(std::hint::black_box(marker));
        Ok(outcome)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits?;
    let bytes = digits.chunks_exact(2);
    if digits.is_empty() || !bytes.remainder().is_empty() {
        return None;
    }
    Some(bytes.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// How often the bytes are in memory.
fn count(masked: &[u8]) -> usize {
    let last = memory().saturating_sub(masked.len());
    // A null pointer is not read even here.
    (1..=last)
        .filter(|at| masked.iter().enumerate().all(|(index, byte)| peek(at + index) ^ MASK == *byte))
        .count()
}

/// The size of the linear memory in bytes.
#[cfg(target_arch = "wasm32")]
fn memory() -> usize {
    core::arch::wasm32::memory_size(0) << 16
}

/// One byte of the linear memory.
#[cfg(target_arch = "wasm32")]
fn peek(address: usize) -> u8 {
    // SAFETY: the address is within the linear memory, all of which is readable, and nothing else runs.
    unsafe { std::ptr::read_volatile(address as *const u8) }
}

/// Natively there is no linear memory to search.
#[cfg(not(target_arch = "wasm32"))]
fn memory() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn peek(_: usize) -> u8 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_pairs_of_digits() {
        assert_eq!(from_hex("00ff5A"), Some(vec![0, 255, 0x5a]));
        for text in ["", "0", "0g", "abc"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
