//! Files on a real disk.

use super::*;
use crate::emit::wire::sample;

fn params(directory: &Path) -> FileParams {
    FileParams {
        path: directory.join("out").join("incidents.ndjson"),
        rotate_bytes: None,
        rotate_age: None,
        keep: 3,
        compress: false,
    }
}

fn at(number: u64, second: i64) -> Message {
    let mut revision = (*sample::message("inc-1", number).revision).clone();
    revision.updated_at = Time::from_seconds(second);
    Message::new(revision)
}

fn text(messages: &[Message]) -> String {
    messages.iter().map(|message| format!("{}\n", message.line)).collect()
}

fn carry(carrier: &mut FileCarrier, messages: &[Message]) {
    let carried = carrier.carry(messages);
    assert!(carried.error.is_none(), "{:?}", carried.error);
    assert_eq!(carried.done, messages.len());
}

/// The names beside the file, sorted.
fn names(params: &FileParams) -> Vec<String> {
    let entries = fs::read_dir(params.path.parent().unwrap()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_continued_and_a_torn_line_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let params = params(directory.path());
    let messages: Vec<Message> = (1..=3).map(|number| at(number, 0)).collect();
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &messages[..2]);
    drop(carrier);
    let mut file = OpenOptions::new().append(true).open(&params.path).unwrap();
    file.write_all(&messages[2].line.as_bytes()[..100]).unwrap();
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &messages[2..]);
    assert_eq!(fs::read_to_string(&params.path).unwrap(), text(&messages));
}

#[test]
fn a_long_torn_line_is_found_across_chunks() {
    let directory = tempfile::tempdir().unwrap();
    let params = params(directory.path());
    fs::create_dir_all(params.path.parent().unwrap()).unwrap();
    for (whole, torn) in [("", 200_000), ("{}\n", 200_000), ("{}\n", 0), ("", 0)] {
        fs::write(&params.path, format!("{whole}{}", "x".repeat(torn))).unwrap();
        drop(FileCarrier::open(params.clone()).unwrap());
        assert_eq!(fs::read_to_string(&params.path).unwrap(), whole);
    }
}

#[test]
fn a_file_is_rotated_before_it_grows_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    let messages: Vec<Message> = (1..=7).map(|number| at(number, 0)).collect();
    params.rotate_bytes = Some(text(&messages[..2]).len() as u64 + 60);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &messages[..5]);
    carry(&mut carrier, &messages[5..]);
    assert_eq!(
        names(&params),
        [
            "incidents.ndjson",
            "incidents.ndjson.000001",
            "incidents.ndjson.000002",
            "incidents.ndjson.000003",
            "incidents.ndjson.rotated"
        ]
    );
    let all: String = (1..=3)
        .map(|number| fs::read_to_string(rotated_path(&params.path, number)).unwrap())
        .chain([fs::read_to_string(&params.path).unwrap()])
        .collect();
    assert_eq!(all, text(&messages));
    for number in 1..=3 {
        let bytes = fs::metadata(rotated_path(&params.path, number)).unwrap().len();
        assert!(bytes <= params.rotate_bytes.unwrap());
    }
}

#[test]
fn the_oldest_rotated_files_go_and_numbers_grow() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    (params.rotate_bytes, params.keep) = (Some(1), 2);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &(1..=5).map(|number| at(number, 0)).collect::<Vec<_>>());
    assert_eq!(
        names(&params),
        [
            "incidents.ndjson",
            "incidents.ndjson.000003",
            "incidents.ndjson.000004",
            "incidents.ndjson.rotated"
        ]
    );
    assert_eq!(fs::read_to_string(&params.path).unwrap(), text(&[at(5, 0)]));
}

#[test]
fn a_number_is_given_once_whatever_is_moved_away() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    params.rotate_bytes = Some(1);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(1, 0), at(2, 0), at(3, 0)]);
    let archive = |number| {
        fs::rename(rotated_path(&params.path, number), directory.path().join(number.to_string()))
    };
    archive(1).unwrap();
    archive(2).unwrap();
    carry(&mut carrier, &[at(4, 0)]);
    archive(3).unwrap();
    drop(carrier);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(5, 0)]);
    archive(4).unwrap();
    for number in 1..=4 {
        let archived = fs::read_to_string(directory.path().join(number.to_string())).unwrap();
        assert_eq!(archived, text(&[at(number, 0)]));
    }
    // What makes no sense is as good as nothing: then what lies there counts.
    fs::write(rotated_path(&params.path, 9), "older\n").unwrap();
    fs::write(params.path.with_file_name("incidents.ndjson.rotated"), [b'x', 0xff]).unwrap();
    carry(&mut carrier, &[at(6, 0)]);
    assert_eq!(fs::read_to_string(rotated_path(&params.path, 10)).unwrap(), text(&[at(5, 0)]));
}

#[test]
fn to_keep_none_keeps_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    (params.rotate_bytes, params.keep) = (Some(1), 0);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &(1..=5).map(|number| at(number, 0)).collect::<Vec<_>>());
    let rotated: String = (1..=4)
        .map(|number| fs::read_to_string(rotated_path(&params.path, number)).unwrap())
        .collect();
    assert_eq!(rotated, text(&(1..=4).map(|number| at(number, 0)).collect::<Vec<_>>()));
}

#[test]
fn a_file_is_rotated_by_the_age_of_its_revisions_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    params.rotate_age = Some(Duration::from_secs(60));
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(1, 100), at(2, 159)]);
    drop(carrier);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(3, 159), at(4, 160), at(5, 161)]);
    let first = fs::read_to_string(rotated_path(&params.path, 1)).unwrap();
    assert_eq!(first, text(&[at(1, 100), at(2, 159), at(3, 159)]));
    assert_eq!(fs::read_to_string(&params.path).unwrap(), text(&[at(4, 160), at(5, 161)]));
}

#[test]
fn rotated_files_are_compressed_and_an_interrupted_one_finished() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    (params.rotate_bytes, params.compress) = (Some(1), true);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(1, 0), at(2, 0)]);
    drop(carrier);
    let unpacked = |number| {
        let mut path = rotated_path(&params.path, number).into_os_string();
        path.push(".zst");
        String::from_utf8(zstd::decode_all(File::open(path).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(unpacked(1), text(&[at(1, 0)]));
    // As a crash leaves it: renamed, half compressed, the plain file still there.
    fs::write(rotated_path(&params.path, 2), "whole\n").unwrap();
    fs::write(params.path.with_file_name("incidents.ndjson.000002.zst.part"), "half").unwrap();
    fs::write(params.path.with_file_name("incidents.ndjson.bak"), "not ours").unwrap();
    drop(FileCarrier::open(params.clone()).unwrap());
    assert_eq!(unpacked(2), "whole\n");
    assert_eq!(
        names(&params),
        [
            "incidents.ndjson",
            "incidents.ndjson.000001.zst",
            "incidents.ndjson.000002.zst",
            "incidents.ndjson.bak",
            "incidents.ndjson.rotated"
        ]
    );
}

#[test]
fn a_failed_write_leaves_no_part_of_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let params = params(directory.path());
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    carry(&mut carrier, &[at(1, 0)]);
    // A descriptor that cannot be written stands for a disk that is full.
    let writable = std::mem::replace(&mut carrier.file, File::open(&params.path).unwrap());
    let carried = carrier.carry(&[at(2, 0)]);
    assert!(matches!((carried.done, carried.error), (0, Some(CarryError::Later(_)))));
    let mut other = OpenOptions::new().append(true).open(&params.path).unwrap();
    other.write_all(b"{\"half").unwrap();
    carrier.file = writable;
    carry(&mut carrier, &[at(2, 0)]);
    assert_eq!(fs::read_to_string(&params.path).unwrap(), text(&[at(1, 0), at(2, 0)]));
}

#[test]
fn what_hinders_compression_hinders_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = params(directory.path());
    (params.rotate_bytes, params.compress) = (Some(1), true);
    let mut carrier = FileCarrier::open(params.clone()).unwrap();
    fs::create_dir(params.path.with_file_name("incidents.ndjson.000001.zst.part")).unwrap();
    carry(&mut carrier, &[at(1, 0), at(2, 0), at(3, 0)]);
    assert_eq!(fs::read_to_string(rotated_path(&params.path, 1)).unwrap(), text(&[at(1, 0)]));
    assert_eq!(fs::read_to_string(&params.path).unwrap(), text(&[at(3, 0)]));
}

#[test]
fn a_path_that_cannot_be_opened_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, "").unwrap();
    let params = FileParams { path: blocked.join("incidents.ndjson"), ..params(directory.path()) };
    let error = FileCarrier::open(params).err().unwrap();
    assert!(error.to_string().contains("incidents.ndjson"), "{error}");
}
