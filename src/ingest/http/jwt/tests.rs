//! Tokens of every kind, each wrong in one way.

use super::*;
use crate::clock::ManualClock;
use crate::config::server::Role;
use crate::config::server::jwt::Claims;
use crate::config::units::Secret;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::time::Duration;

const NOW: i64 = 1_795_417_200;
const SECRET: &str = "a secret of thirty-two characters, or more";

/// A key made for this run: ring makes none of this kind.
fn rsa_key() -> Vec<u8> {
    let arguments = ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = std::process::Command::new("openssl").args(arguments).output();
    let made = made.expect("`make test-packages` installs openssl");
    assert!(made.status.success(), "{made:?}");
    made.stdout
}

/// Somebody who signs.
struct Issuer {
    curve: EcdsaKeyPair,
    edwards: Ed25519KeyPair,
    rsa: RsaKeyPair,
}

impl Issuer {
    fn new() -> Issuer {
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let curve = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let edwards = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(&rsa_key()).unwrap();
        Issuer {
            curve: EcdsaKeyPair::from_pkcs8(how, curve.as_ref(), &random).unwrap(),
            edwards: Ed25519KeyPair::from_pkcs8(edwards.as_ref()).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).unwrap(),
        }
    }

    fn public(&self) -> RsaPublicKeyComponents<Vec<u8>> {
        self.rsa.public().into()
    }

    fn modulus(&self) -> Vec<u8> {
        self.public().n
    }

    fn keys(&self) -> Value {
        let point = self.curve.public_key().as_ref();
        let exponent = self.public().e;
        json!({"keys": [
            {"kty": "EC", "kid": "curve", "crv": "P-256", "use": "sig",
             "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
            {"kty": "OKP", "kid": "edwards", "crv": "Ed25519",
             "x": encoded(self.edwards.public_key().as_ref())},
            {"kty": "RSA", "kid": "rsa", "n": encoded(&[&[0], &self.modulus()[..]].concat()),
             "e": encoded(&exponent)},
            {"kty": "oct", "kid": "secret", "k": encoded(SECRET.as_bytes())},
            {"kty": "new", "kid": "unheard"},
        ]})
    }

    fn by_rsa(&self, how: &'static dyn RsaEncoding) -> impl Fn(&[u8]) -> Vec<u8> {
        move |text| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(how, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        }
    }

    fn by_curve(&self, text: &[u8]) -> Vec<u8> {
        self.curve.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec()
    }

    /// A token of the right kind with these claims.
    fn token(&self, claims: &Value) -> String {
        token(&json!({"alg": "ES256", "kid": "curve"}), claims, |text| self.by_curve(text))
    }

    fn takes(&self, algorithms: &[Algorithm]) -> Jwt {
        verifier::install();
        let shared = algorithms.iter().any(|algorithm| algorithm.is_shared());
        let secret = shared.then(|| Secret::new(SECRET));
        let settings = JwtSettings {
            issuer: "https://id.example".to_owned(),
            audience: vec!["causeway".to_owned(), "other".to_owned()],
            keys: None,
            secret: secret.clone(),
            algorithms: algorithms.to_vec(),
            leeway: Duration::from_secs(30),
            claims: Claims { roles: "/realm/ro~1les".to_owned(), ..Claims::default() },
        };
        let keys = Keys::parse(self.keys().to_string().as_bytes()).unwrap();
        assert_eq!(keys.len(), 3, "a set holds no secrets");
        let secret = secret.map(|secret| DecodingKey::from_secret(secret.reveal().as_bytes()));
        Jwt { settings, secret, source: Arc::new(Source::of(keys)) }
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!(
        "{}.{}",
        encoded(head.to_string().as_bytes()),
        encoded(claims.to_string().as_bytes())
    );
    let signature = encoded(&sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn by_secret(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    move |text| ring::hmac::sign(&key, text).as_ref().to_vec()
}

fn good() -> Value {
    json!({"iss": "https://id.example", "aud": ["causeway"], "exp": NOW + 60, "nbf": NOW,
           "tenant": "shop", "sub": "agent\n7", "realm": {"ro/les": ["read", "admin", 3]}})
}

/// The same with one claim another, or none.
fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn ask(jwt: &Jwt, token: &str) -> Result<Caller, Refusal> {
    let clock: SharedClock = Arc::new(ManualClock::at_seconds(NOW));
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio.block_on(jwt.caller(token, &HttpBooks::default(), &clock))
}

#[track_caller]
fn refuses(jwt: &Jwt, token: &str, refusal: Refusal) {
    assert_eq!(ask(jwt, token).err(), Some(refusal), "{token}");
}

#[test]
fn every_algorithm_is_verified_and_claims_say_who_it_is() {
    let issuer = Issuer::new();
    let own = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let jwt = issuer.takes(&[
        Algorithm::ES256,
        Algorithm::EdDSA,
        Algorithm::RS256,
        Algorithm::PS512,
        Algorithm::HS256,
    ]);
    let edwards = |text: &[u8]| issuer.edwards.sign(text).as_ref().to_vec();
    for token in [
        issuer.token(&good()),
        token(&own("EdDSA", "edwards"), &good(), edwards),
        token(&own("RS256", "rsa"), &good(), issuer.by_rsa(&RSA_PKCS1_SHA256)),
        token(&own("PS512", "rsa"), &good(), issuer.by_rsa(&RSA_PSS_SHA512)),
        token(&own("HS256", "any"), &good(), by_secret(SECRET.as_bytes())),
        // Only one key of the issuer can have made it.
        token(&json!({"alg": "ES256"}), &good(), |text| issuer.by_curve(text)),
    ] {
        assert!(has_form(&token));
        let caller = ask(&jwt, &token).unwrap();
        assert_eq!((caller.name.as_str(), caller.tenant.as_deref()), ("agent7", Some("shop")));
        assert!(caller.has(Role::Read) && !caller.has(Role::Ingest) && !caller.has(Role::Operate));
        assert_eq!(caller.time_left(NOW), Some(Duration::from_secs(90)));
    }
}

#[test]
fn claims_that_do_not_hold_are_told_apart() {
    let issuer = Issuer::new();
    let jwt = issuer.takes(&[Algorithm::ES256]);
    for (name, value, refusal) in [
        ("exp", json!(NOW - 30), Refusal::Expired),
        ("exp", json!(-1e300), Refusal::Expired),
        ("exp", Value::Null, Refusal::NoEnd),
        ("exp", json!("2099"), Refusal::NoEnd),
        ("nbf", json!(NOW + 31), Refusal::NotYet),
        ("nbf", json!("soon"), Refusal::NotYet),
        ("iss", json!("https://id.example/"), Refusal::Issuer),
        ("iss", json!(["https://id.example"]), Refusal::Issuer),
        ("iss", Value::Null, Refusal::Issuer),
        ("aud", json!("caus"), Refusal::Audience),
        ("aud", json!([]), Refusal::Audience),
        ("aud", json!({"causeway": true}), Refusal::Audience),
        ("aud", Value::Null, Refusal::Audience),
        ("tenant", Value::Null, Refusal::Tenant),
        ("tenant", json!(""), Refusal::Tenant),
        ("tenant", json!("shop/../bank"), Refusal::Tenant),
        ("tenant", json!(["shop"]), Refusal::Tenant),
    ] {
        refuses(&jwt, &issuer.token(&with(name, value)), refusal);
    }
    for (name, value) in [
        ("exp", json!(NOW - 29)),
        ("exp", json!(1e300)),
        ("exp", json!(NOW as f64 + 0.5)),
        ("nbf", json!(NOW + 30)),
        ("nbf", Value::Null),
        ("aud", json!("other")),
        ("sub", Value::Null),
    ] {
        assert!(ask(&jwt, &issuer.token(&with(name, value.clone()))).is_ok(), "{name} {value}");
    }
    // Roles that are none allow nothing, and say so where something is asked for.
    for roles in [json!(7), json!("readoperate"), json!({"ro/les": "Read"}), Value::Null] {
        let caller = ask(&jwt, &issuer.token(&with("realm", roles))).unwrap();
        assert!(!caller.has(Role::Read));
    }
    let words = with("realm", json!({"ro/les": "read operate"}));
    assert!(ask(&jwt, &issuer.token(&words)).unwrap().has(Role::Operate));
}

#[test]
fn a_signature_is_not_talked_away() {
    let issuer = Issuer::new();
    let jwt = issuer.takes(&[Algorithm::ES256, Algorithm::RS256]);
    let none = |_: &[u8]| Vec::new();
    let claims = good();
    for alg in ["none", "None", "nOnE", "HS256", "ES384", "", "ES256 "] {
        let head = json!({"alg": alg, "kid": "rsa"});
        refuses(&jwt, &token(&head, &claims, none), Refusal::Algorithm);
    }
    // A public key used as a secret, whichever way it is written.
    let confused = json!({"alg": "HS256", "kid": "rsa"});
    for secret in [issuer.modulus(), encoded(&issuer.modulus()).into_bytes()] {
        refuses(&jwt, &token(&confused, &claims, by_secret(&secret)), Refusal::Algorithm);
        let shared = issuer.takes(&[Algorithm::RS256, Algorithm::HS256]);
        refuses(&shared, &token(&confused, &claims, by_secret(&secret)), Refusal::Signature);
    }
    // A secret in the set of public keys.
    let public = json!({"alg": "HS256", "kid": "secret"});
    let by_public = token(&public, &claims, by_secret(SECRET.as_bytes()));
    refuses(&jwt, &by_public, Refusal::Algorithm);
    // The key of another algorithm.
    let head = json!({"alg": "RS256", "kid": "curve"});
    refuses(&jwt, &token(&head, &claims, issuer.by_rsa(&RSA_PKCS1_SHA256)), Refusal::Key);
    // Somebody else's key, under a name that is known and under one that is not.
    let other = Issuer::new();
    refuses(&jwt, &other.token(&claims), Refusal::Signature);
    let unknown = json!({"alg": "ES256", "kid": "curve2"});
    refuses(&jwt, &token(&unknown, &claims, |text| other.by_curve(text)), Refusal::Key);
    // Claims that were exchanged, a signature that was cut off, one that is empty.
    let (own, operator) = (issuer.token(&claims), issuer.token(&with("tenant", json!("bank"))));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (own_parts, others) = (parts(&own), parts(&operator));
    let exchanged = format!("{}.{}.{}", own_parts[0], others[1], own_parts[2]);
    refuses(&jwt, &exchanged, Refusal::Signature);
    let cut = encoded(&URL_SAFE_NO_PAD.decode(&own_parts[2]).unwrap()[..61]);
    let cut = format!("{}.{}.{cut}", own_parts[0], own_parts[1]);
    refuses(&jwt, &cut, Refusal::Signature);
    refuses(&jwt, &format!("{}.{}.", own_parts[0], own_parts[1]), Refusal::Signature);
    // An extension that must be understood.
    let head = json!({"alg": "ES256", "kid": "curve", "crit": ["b64"], "b64": false});
    refuses(&jwt, &token(&head, &claims, |text| issuer.by_curve(text)), Refusal::Critical);
}

#[test]
fn what_is_no_jwt_is_none() {
    let issuer = Issuer::new();
    let jwt = issuer.takes(&[Algorithm::ES256]);
    let head = encoded(br#"{"alg":"ES256","kid":"curve"}"#);
    for text in [
        String::new(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{head}.{head}"),
        format!("{head}.{head}.{head}.{head}"),
        format!("{head}=.{head}.{head}"),
        format!("{}.x.y", encoded(b"[\"alg\"]")),
        format!("{}.x.y", encoded(b"{\"alg\":\"ES256\",\"kid\":7}")),
        format!("{}.x.y", encoded(&[0xff; 8])),
        format!("{}.x.y", encoded("[".repeat(9_000).as_bytes())),
        format!("{head}.{}.y", "a".repeat(TOKEN_BYTES_MAX)),
    ] {
        assert!(!has_form(&text), "{text}");
        refuses(&jwt, &text, Refusal::Malformed);
    }
    // What is inside is looked at only once the signature holds.
    let list = token(&json!({"alg": "ES256"}), &json!([1]), |text| issuer.by_curve(text));
    refuses(&jwt, &list, Refusal::Malformed);
    let bare = format!("{head}.!.{}", encoded(&[0; 64]));
    refuses(&jwt, &bare, Refusal::Signature);
}

#[test]
fn a_set_of_keys_is_read_with_care() {
    let problem = |text: &str| Keys::parse(text.as_bytes()).err().unwrap();
    assert!(problem("{").contains("is not JSON"));
    assert!(problem("{\"keys\": {}}").contains("no list `keys`"));
    assert!(problem("{\"keys\": []}").contains("no key that verifies"));
    let many: Vec<Value> = (0..65).map(|n| json!({"kty": "EC", "kid": n.to_string()})).collect();
    assert!(problem(&json!({"keys": many}).to_string()).contains("65 keys"));
    let mut keys = Issuer::new().keys();
    keys["keys"][0]["use"] = "enc".into();
    keys["keys"][1]["key_ops"] = json!(["sign"]);
    keys["keys"][2]["n"] = encoded(&[0xff; 128]).into();
    assert!(problem(&keys.to_string()).contains("no key that verifies"));
    // A key that says for what it is, and a name that two keys have.
    let mut keys = Issuer::new().keys();
    keys["keys"][2]["alg"] = "PS256".into();
    keys["keys"][1]["kid"] = "rsa".into();
    let twice = keys["keys"][0].clone();
    keys["keys"].as_array_mut().unwrap().push(twice);
    let keys = Keys::parse(keys.to_string().as_bytes()).unwrap();
    let chosen = |how, name| keys.choose(how, Some(name)).is_some();
    assert!(chosen(Algorithm::PS256, "rsa") && !chosen(Algorithm::RS256, "rsa"));
    assert!(chosen(Algorithm::EdDSA, "rsa") && !chosen(Algorithm::ES256, "curve"));
}
