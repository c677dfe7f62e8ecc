//! Any bytes from the printer's socket, in pieces of any size: no panic, and no frame depends on where the pieces end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refit_adapters::klippy::frame::Frames;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = Frames::default().take(bytes);
    let mut split = Frames::default();
    let pieces: Vec<_> = bytes.chunks(usize::from(size).max(1)).flat_map(|piece| split.take(piece)).collect();
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
});
