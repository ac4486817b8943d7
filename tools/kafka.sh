#!/bin/sh
# Apache Kafka for tests and for trying things out: one broker that is its own controller, in one
# JVM, from the artifacts on Maven Central.
#
#   tools/kafka.sh fetch             once, into target/kafka/libs
#   tools/kafka.sh run               in the foreground on 127.0.0.1:9092; Ctrl-C stops it
#   tools/kafka.sh serve DIR PORT CONTROLLER_PORT [SECURE_PORT]
#                                    the same on other ports, with its data in DIR, until standard
#                                    input is closed: whoever started it need not stop it; a
#                                    secure port wants TLS and the user `causeway`
#   tools/kafka.sh tool NAME ARGS…   one of Kafka's own commands: topics, produce, consume, groups
set -eu
cd "$(dirname "$0")/.."
VERSION=4.1.1
HOME_DIR=target/kafka
LIBS=$HOME_DIR/libs
FETCHED=$HOME_DIR/fetched-$VERSION

# What Maven is to copy: the broker, its commands, and somewhere for its log lines to go.
pom() {
	cat <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>causeway</groupId><artifactId>kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
XML
}

copy() {
	mvn -q -B -f "$HOME_DIR/pom.xml" dependency:copy-dependencies \
		-DoutputDirectory="$PWD/$LIBS" -DincludeScope=runtime </dev/null
}

fetch() {
	[ -e "$FETCHED" ] && return
	./tools/packages.sh kafka
	rm -rf "$LIBS"
	mkdir -p "$LIBS"
	pom >"$HOME_DIR/pom.xml"
	# A registry that does not answer once is asked again: what is missing then fails the tests.
	copy || copy || copy
	touch "$FETCHED"
}

java_of() {
	main=$1
	shift
	# Half of the start is spent compiling code that runs once, so only the quick compiler is used.
	exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
		-Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_LOG:-error}" \
		-cp "$LIBS/*" "$main" "$@"
}

# Settings of a broker with its data in $1, on port $2, its controller on port $3.
properties() {
	cat <<TEXT
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$3
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3${4:+,SECURE://127.0.0.1:$4}
advertised.listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3${4:+,SECURE://127.0.0.1:$4}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
log.dirs=$1/data
num.partitions=2
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.heartbeat.interval.ms=1000
TEXT
	[ -z "${4:-}" ] || cat <<TEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location=$1/keys.p12
ssl.keystore.password=changeit
TEXT
}

# A key of its own for the secure port, and its certificate in ca.pem.
keys() {
	keytool -genkeypair -alias broker -keyalg EC -dname CN=127.0.0.1 -ext san=ip:127.0.0.1 \
		-validity 3650 -storetype PKCS12 -keystore "$1/keys.p12" -storepass changeit 2>/dev/null
	keytool -exportcert -rfc -alias broker -keystore "$1/keys.p12" -storepass changeit \
		>"$1/ca.pem" 2>/dev/null
}

# Formats the data of a broker unless that was done before.
prepare() {
	mkdir -p "$1"
	properties "$@" >"$1/server.properties"
	[ -e "$1/data/meta.properties" ] && return
	[ -z "${4:-}" ] || keys "$1" &
	(java_of kafka.tools.StorageTool format --standalone \
		--add-scram 'SCRAM-SHA-512=[name=causeway,password=a-password]' \
		--cluster-id Y2F1c2V3YXktdGVzdC0xMA --config "$1/server.properties") >/dev/null
	wait
}

case "${1:-}" in
fetch)
	fetch
	;;
run)
	fetch
	prepare "$HOME_DIR/run" 9092 9093
	echo "Kafka $VERSION on 127.0.0.1:9092, data in $HOME_DIR/run"
	java_of kafka.Kafka "$HOME_DIR/run/server.properties"
	;;
serve)
	[ -e "$FETCHED" ] || { echo "no broker is here: run tools/kafka.sh fetch" >&2; exit 1; }
	prepare "$2" "$3" "$4" "${5:-}"
	(java_of kafka.Kafka "$2/server.properties") >"$2/log" 2>&1 </dev/null &
	broker=$!
	# The shell ends with its standard input, and the broker with the shell.
	cat >/dev/null
	kill -9 "$broker" 2>/dev/null || true
	;;
tool)
	name=$2
	shift 2
	case $name in
	topics) main=org.apache.kafka.tools.TopicCommand ;;
	produce) main=org.apache.kafka.tools.ConsoleProducer ;;
	consume) main=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
	groups) main=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
	*) echo "no such tool: $name (topics, produce, consume, groups)" >&2; exit 2 ;;
	esac
	java_of "$main" "$@"
	;;
*)
	sed -n '2,12s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
