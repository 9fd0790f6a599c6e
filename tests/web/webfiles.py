"""The table of web files: what each bad one in `configs` must be told, word for word."""

# By file, without its folder and suffix: what follows its name in each message.
FAULTS: dict[str, tuple[str, ...]] = {
    "bad-cipher": (
        (
            ":4: tls_server_config.cipher_suites[0]: must be a cipher suite, not "
            '"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25": did you mean TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256?'
        ),
        (
            ':4: tls_server_config.cipher_suites[1]: must be a cipher suite, not "ECDHE+AESGCM": known are '
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "
            "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, …"
        ),
    ),
    "bad-ciphers-tls13-for-tls12": (
        ":5: tls_server_config.cipher_suites: names none for the versions of TLS up to max_version",
    ),
    "bad-client-auth-any-old": (
        (
            ":4: tls_server_config.client_auth_type: RequireClientCert cannot be kept: Python's TLS verifies a "
            "certificate or does not ask for one. Whoever makes a certificate would pass; write "
            "RequireAndVerifyClientCert"
        ),
    ),
    "bad-client-auth-any": (
        (
            ":4: tls_server_config.client_auth_type: RequireAnyClientCert cannot be kept: Python's TLS verifies"
            " a certificate or does not ask for one. Whoever makes a certificate would pass; write "
            "RequireAndVerifyClientCert"
        ),
    ),
    "bad-client-auth": (
        (
            ":4: tls_server_config.client_auth_type: must be a policy for clients, not "
            '"RequireAndVerifyClientCerts": did you mean RequireAndVerifyClientCert?'
        ),
    ),
    "bad-client-ca-missing": (
        ":5: tls_server_config.client_ca_file: no.pem cannot be read: No such file or directory",
    ),
    "bad-client-ca-no-certificate": (
        ":5: tls_server_config.client_ca_file: server.key holds no certificate in PEM form",
    ),
    "bad-client-ca-no-client-certificate": (
        (":5: tls_server_config.client_ca_file: has no effect without client_auth_type: say what is asked of clients"),
    ),
    "bad-client-ca-without-policy": (
        (":4: tls_server_config.client_ca_file: has no effect without client_auth_type: say what is asked of clients"),
    ),
    "bad-curve": (
        ':4: tls_server_config.curve_preferences[0]: must be a curve, not "CurveP25": did you mean CurveP256?',
    ),
    "bad-curves": (
        (
            ":4: tls_server_config.curve_preferences: Python's TLS takes one curve: name one, or leave the key "
            "out and OpenSSL offers all that are sound"
        ),
    ),
    "bad-empty": (": is empty: write {} to ask nothing of anybody",),
    "bad-files-missing": (
        ":2: tls_server_config.cert_file: no.pem cannot be read: No such file or directory",
        ":3: tls_server_config.key_file: no.key cannot be read: No such file or directory",
    ),
    "bad-header-content-type-options": (
        (
            ':2: http_server_config.headers."X-Content-Type-Options": must be a value of this header, not '
            '"sniff": did you mean nosniff?'
        ),
    ),
    "bad-header-frame-options": (
        (
            ':2: http_server_config.headers."X-Frame-Options": must be a value of this header, not "none": '
            "known are deny, sameorigin"
        ),
    ),
    "bad-header-line-break": (
        ':2: http_server_config.headers."Content-Security-Policy": must be visible ASCII characters',
    ),
    "bad-header": (
        (
            ':2: http_server_config.headers."X-Powered-By": is not a known key: known here are Content-'
            "Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-"
            "Protection"
        ),
        ':2: http_server_config.headers."x-frame-options": is not a known key: did you mean X-Frame-Options?',
    ),
    "bad-http-junk-key": (":1: http_server_config.http3: is not a known key: did you mean http2?",),
    "bad-http2": (":1: http_server_config.http2: must be true or false, not 2",),
    "bad-junk-key": (
        ":1: tls_server_confg: is not a known key: did you mean tls_server_config?",
        ":2: basic_auth_user: is not a known key: did you mean basic_auth_users?",
    ),
    "bad-key-locked": (":3: tls_server_config.key_file: locked.key is locked with a password: write it without",),
    "bad-key-of-another": (
        ":3: tls_server_config.key_file: other.key is not the key of the certificate in server.pem",
    ),
    "bad-not-mapping": (":1: must be a mapping with the keys tls_server_config, http_server_config, basic_auth_users",),
    "bad-not-pem": (
        (
            ":2: tls_server_config.cert_file: bad-not-pem.yml and server.key cannot be used: no certificate or "
            "key in PEM form"
        ),
    ),
    "bad-not-yaml": (":1: is not valid YAML",),
    "bad-rate-limit": (
        (
            ":1: rate_limit: is not taken here: connections are bounded already, and a reverse proxy can limit "
            "their rate"
        ),
    ),
    "bad-sans-empty": (":6: tls_server_config.client_allowed_sans: must name at least one",),
    "bad-sans-if-given": (
        ":6: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ),
    "bad-sans-without-policy": (
        ":4: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ),
    "bad-tls-empty-paths": (
        ":2: tls_server_config.cert_file: must be the path of a PEM file, not an empty text",
        ":3: tls_server_config.key_file: must be the path of a PEM file, not an empty text",
    ),
    "bad-tls-inline": (
        (":1: tls_server_config.cert: is not taken here: put the certificate into a file and name it under cert_file"),
        ":1: tls_server_config.key: is not taken here: put the private key into a file and name it under key_file",
        (
            ":1: tls_server_config.client_ca: is not taken here: put the authorities into a file and name it "
            "under client_ca_file"
        ),
        ":1: tls_server_config: needs cert_file",
        ":1: tls_server_config: needs key_file",
    ),
    "bad-tls-junk-key": (":4: tls_server_config.min_versions: is not a known key: did you mean min_version?",),
    "bad-tls-twice": (":4: tls_server_config.key_file: is given twice, first in line 3",),
    "bad-tls-version": (
        ':4: tls_server_config.min_version: must be a version of TLS, not "TLS14": did you mean TLS13?',
        (':5: tls_server_config.max_version: must be a version of TLS, but YAML reads 1.2 as a fraction: write "1.2"'),
    ),
    "bad-tls-versions-crossed": (
        ":4: tls_server_config.min_version: min_version is above max_version: no client could connect",
    ),
    "bad-tls-without-files": (
        ":1: tls_server_config: needs cert_file",
        ":1: tls_server_config: needs key_file",
    ),
    "bad-truth": (':4: tls_server_config.prefer_server_cipher_suites: must be true or false, not "yes"',),
    "bad-user-cost": (
        ":2: basic_auth_users.slow: has a cost of 16: from 4 to 15 is taken, 10 is usual",
        ":3: basic_auth_users.fast: has a cost of 3: from 4 to 15 is taken, 10 is usual",
    ),
    "bad-user-hash": (
        ':2: basic_auth_users.cut: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
        ':3: basic_auth_users.md5: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
        ':4: basic_auth_users.salt: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
    ),
    "bad-user-name": (
        ':1: basic_auth_users."": cannot be a user\'s name: it is empty or holds a colon',
        ':1: basic_auth_users."a:b": cannot be a user\'s name: it is empty or holds a colon',
    ),
    "bad-user-plain-password": (
        ':1: basic_auth_users.alice: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
        ':1: basic_auth_users.bob: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
        ':1: basic_auth_users.carol: must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one',
    ),
    "bad-user-twice": (":3: basic_auth_users.alice: is given twice, first in line 2",),
    "bad-users-empty": (":1: basic_auth_users: must be a mapping of user names to bcrypt hashes",),
    "bad-users-list": (":1: basic_auth_users: must be a mapping of user names to bcrypt hashes",),
    "bad-users-text": (":1: basic_auth_users: must be a mapping of user names to bcrypt hashes",),
    "bad-verify-without-client-ca": (
        (
            ":4: tls_server_config.client_auth_type: RequireAndVerifyClientCert needs client_ca_file: else "
            "every public authority could let somebody in"
        ),
    ),
}
