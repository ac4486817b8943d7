//! Headers of the usual formats, and messages that have none.

use super::Headers;
use proptest::prelude::*;

fn message(line: &str) -> String {
    Headers::default().strip(line).to_owned()
}

#[test]
fn headers_are_taken_off() {
    for line in [
        // syslog and what writes to it
        "Jun  4 15:16:01 box sshd(pam)[1993]: it works",
        "Jun  4 15:16:01 box kernel: it works",
        "Jun  4 15:16:01 box syslogd 1.4.1: it works",
        "Jul 12 09:00:55 box Text Editor[42] (com.example.editor): it works",
        "2024-05-01T10:11:12.131+02:00 box cron[77]: it works",
        "<34>1 2024-05-01T10:11:12.131Z box su 12 ID47 [a@1 b=\"c\"] it works",
        "<13>Jun 14 15:16:01 box app[1]: it works",
        // log4j and its kin
        "2024-05-01 10:11:12,131 INFO [main] org.example.Server: it works",
        "2024-05-01 10:11:12,131 INFO [IPC handler 3 on 8020] org.example.Server: it works",
        "2024-05-01 10:11:12,131 - WARN  [Worker[id=1]/0:0:0:0:2181:Election@77] - it works",
        "24/05/01 10:11:12 INFO storage.Manager: it works",
        "240501 101112 35 INFO dfs.Node$Receiver: it works",
        "2024-05-01 10:11:12.131  INFO 4711 --- [     main] o.e.App       : it works",
        "2024-05-01 10:11:12,131 - root - INFO - it works",
        "api.log.1.2024-05-01_10:11:12 2024-05-01 10:11:12.008 25746 INFO api.wsgi [req-1a - -] it works",
        // Go, Android, Apache, nginx, machines
        "I0728 17:01:02.123456   12 server.go:123] it works",
        "2024-05-01T10:11:12.131Z\tINFO\tctrl.pod\tit works",
        "05-01 10:11:12.131  1702  2395 D Some Tag: it works",
        "[Sun Dec 04 04:47:44 2005] [notice] it works",
        "[Sun Dec 04 04:47:44.123456 2005] [core:error] [pid 12:tid 3] it works",
        "2024/05/01 10:11:12 [error] 12#34: it works",
        "20240501-10:11:12:131|Step_Counter|30002312|it works",
        "[05.01 10:11:12] some.exe *64 - it works",
        "2024-05-01 10:11:12, Info                  CBS    it works",
        "- 1117838570 2005.06.03 R02-N1 2005-06-03-15.42.50.675872 R02-N1 RAS KERNEL INFO it works",
        "- 1117838570 2005.06.03 dn2 Jun 3 15:42:50 dn2/dn2 crond(pam_unix)[29]: it works",
        "134681 node-246 unix.hw state_change 1077804742 1 it works",
        // objects and pairs
        r#"{"ts":"2024-05-01T10:11:12Z","level":"info","msg":"it works","n":1}"#,
        r#"time="2024-05-01T10:11:12Z" level=info it works"#,
    ] {
        assert_eq!(message(line), "it works", "{line}");
    }
}

#[test]
fn what_begins_without_a_time_stays_whole() {
    for line in [
        "it works",
        "ERROR disk is full",
        "Connection to 10.0.0.1:80 failed after 3 tries",
        "12 retries of job 7 at 1077804742",
        "user 7 came at 2024-05-01 10:11:12 and went",
        "May be late",
        "[worker 3] done: all",
        "a=b c=d",
        "{not json}",
        "I love 12:00:00",
        "",
    ] {
        assert_eq!(message(line), line);
    }
}

#[test]
fn a_message_keeps_what_only_looks_like_a_field() {
    for (line, expected) in [
        ("2024-05-01 10:11:12 Starting backup: daily", "Starting backup: daily"),
        ("2024-05-01 10:11:12 INFO Error: no disk", "Error: no disk"),
        ("2024-05-01 10:11:12 INFO [client 10.0.0.1] gone", "[client 10.0.0.1] gone"),
        ("2024-05-01 10:11:12 moved to 2024-06-01 10:11:12", "moved to 2024-06-01 10:11:12"),
    ] {
        assert_eq!(message(line), expected);
    }
}

#[test]
fn a_host_is_known_again() {
    let mut headers = Headers::default();
    assert_eq!(headers.strip("Jun  4 15:16:01 box app[3]: up"), "up");
    let repeated = headers.strip("Jun  4 15:16:02 box --- last message repeated 3 times ---");
    assert_eq!(repeated, "--- last message repeated 3 times ---");
}

proptest! {
    #[test]
    fn any_line_has_a_message(
        head in "|Jun  4 15:16:01 |2024-05-01 10:11:12,1 (INFO )?|<3>|- 1117838570 |[0-9]{3} ",
        tail in "\\PC{0,60}|[ -~\\t]{0,80}|[\\[\\]():|<>{}\"=. 0-9a-zA-Z-]{0,80}",
    ) {
        let line = format!("{head}{tail}");
        let mut headers = Headers::default();
        prop_assert!(line.trim().contains(headers.strip(&line)));
    }
}
