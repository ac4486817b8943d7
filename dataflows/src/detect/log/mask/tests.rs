//! What the masker takes out, and what it leaves.

use super::{MESSAGE_BYTES_MAX, Masker, WILD};
use proptest::prelude::*;

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).replace(char::from(WILD), "*")
}

fn masked(message: &str) -> String {
    shown(Masker::default().mask(message).key)
}

#[test]
fn parameters_are_taken_out() {
    for (message, key) in [
        ("took 12 ms, 3.5s and -7", "took * ms, * and *"),
        ("copied 1.5 MB of 20KB", "copied * of *"),
        ("from 10.0.0.7:8080 to ::1:80:a:b", "from * to *"),
        ("mac 00:1b:44:11:3a:b7 up", "mac * up"),
        ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "id *"),
        ("at 0x7ffde3 flags deadbeef", "at * flags *"),
        ("open /var/lib/app/a.db failed", "open * failed"),
        (r"open C:\Temp\x.tmp failed", "open * failed"),
        ("GET https://example.com/a?b=c, then", "GET *, then"),
        ("peer db1.eu.example.com gone", "peer * gone"),
        ("job job_12_0003 on worker-17", "job job_* on worker-*"),
        ("since Mon Jul  4 12:52:44 2005 idle", "since * idle"),
        ("lasted <1 sec, not <b>1</b>", "lasted *, not <b>*</b>"),
        ("uid=0 user=root", "uid=* user=root"),
        ("depth........3", "depth........*"),
    ] {
        assert_eq!(masked(message), key, "{message}");
    }
}

#[test]
fn words_stay() {
    for message in [
        "read/write load/store of org.example.app.Main",
        "eth0 up, ipv6 off, sha1 used by utf8",
        "state - NONE -> READY (ok) [x]",
        "May be late. Mon agent: Jan",
        "e.g. this... and that.",
        "Grüße aus Köln",
    ] {
        assert_eq!(masked(message), message);
    }
}

#[test]
fn lists_of_any_length_are_one() {
    let mut masker = Masker::default();
    let one = masker.mask("ports 80").key.to_vec();
    let (many, shape) = {
        let masked = masker.mask("ports 80, 81, 8080");
        (masked.key.to_vec(), masked.shape)
    };
    assert_eq!(one, many);
    let longer = masker.mask("ports 80, 81, 8080, 9090").shape;
    assert!(shape != 0 && longer != shape, "how long it is can be told");
    assert_eq!(masked("drop item_1 item_2 item_33"), "drop item_*");
    assert_eq!(shown(Masker::default().mask_whole("ports 80, 81").key), "ports *, *");
    assert_eq!(masked("from a () to b"), masked("from a (7) to b"), "a value may be empty");
    assert_eq!(masked("call f() now"), "call f() now");
}

#[test]
fn a_long_message_is_cut_between_letters() {
    let message = "ä".repeat(MESSAGE_BYTES_MAX);
    let mut masker = Masker::default();
    let masked = masker.mask(&message);
    assert!(masked.cut && masked.key.len() <= MESSAGE_BYTES_MAX);
    assert!(std::str::from_utf8(masked.key).is_ok());
}

proptest! {
    #[test]
    fn any_text_has_a_key(message in "\\PC{0,200}|[ -~]{0,200}|[0-9a-f:./<>()\\[\\]\"'=_ -]{0,80}") {
        let mut masker = Masker::default();
        let key = masker.mask(&message).key.to_vec();
        prop_assert!(std::str::from_utf8(&key).is_ok());
        prop_assert!(!key.iter().any(|byte| *byte < b' ' && *byte != WILD));
        prop_assert!(key.len() <= 2 * message.len());
        prop_assert_eq!(&key, masker.mask(&message).key);
    }

    #[test]
    fn numbers_do_not_tell_keys_apart(a in 0u64.., b in 0u64.., c in 0u32..) {
        prop_assert_eq!(
            masked(&format!("sent {a} of {b} from 10.0.{}.9", c % 256)),
            masked("sent 1 of 2 from 10.0.0.9")
        );
    }
}
