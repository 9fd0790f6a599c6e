"""The table of faults: what each file in `tests/configs` must be told, word for word."""

# By file, without its folder and suffix: what follows its name in each message.
FAULTS: dict[str, tuple[str, ...]] = {
    "addresses": (
        ':2: hosts[0].addresses: must be one of first, all, not "every"',
        ":3: hosts[1].ports[0].addresses: cannot stand in a port, only in defaults or a host",
    ),
    "addresses-of-literal": (":5: hosts[1].addresses: has no meaning for 2001:db8::1, which is one address",),
    "alias-bomb": (":7: holds more than 1000000 values, with all that its aliases stand for",),
    "ca-file-folder": (":2: defaults.ca_file: configs is no file",),
    "ca-file-missing": (":2: defaults.ca_file: missing.pem does not exist",),
    "ca-file-no-certificate": (":2: defaults.ca_file: ca-file-no-certificate.yml holds no certificate in PEM form",),
    "ca-file-not-text": (":2: defaults.ca_file: must be the path of a PEM file, not a list",),
    "capabilities-contradiction": (
        (
            ":3: defaults.ports.587.capabilities.must_not: no server could meet this: AUTH PLAIN must be "
            "offered, port entry (capabilities-contradiction.yml:8), and AUTH must not, defaults.ports.587 "
            "(capabilities-contradiction.yml:3)"
        ),
        (
            ":7: hosts[0].ports[0].capabilities.must_not: no server could meet this: PIPELINING must be offered, "
            "port entry (capabilities-contradiction.yml:7), and PIPELINING must not, port entry "
            "(capabilities-contradiction.yml:7)"
        ),
    ),
    "capabilities-long": (
        (
            ":7: hosts[0].ports[0].capabilities.must[0]: must be a capability, not "
            '"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA…": a name, or a name, a space and one '
            "parameter, each of at most 64 visible ASCII characters"
        ),
        (
            ':8: hosts[0].ports[0].capabilities.must[1]: must be a capability, not "AUTH '
            'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB…": a name, or a name, a space and one '
            "parameter, each of at most 64 visible ASCII characters"
        ),
    ),
    "capabilities-many": (":6: hosts[0].ports[0].capabilities.must_not: must name at most 50, not 51",),
    "capabilities-syntax": (
        (
            ':5: hosts[0].ports[0].capabilities.must[0]: must be a capability, not "AUTH PLAIN LOGIN": a name, '
            "or a name, a space and one parameter, each of at most 64 visible ASCII characters"
        ),
        ":5: hosts[0].ports[0].capabilities.must[1]: must be a capability, not an empty text",
        (
            ':5: hosts[0].ports[0].capabilities.must[2]: must be a capability, not " AUTH": a name, or a name, a '
            "space and one parameter, each of at most 64 visible ASCII characters"
        ),
        (
            ':5: hosts[0].ports[0].capabilities.must[3]: must be a capability, not "ÄUTH": a name, or a name, a '
            "space and one parameter, each of at most 64 visible ASCII characters"
        ),
        ':5: hosts[0].ports[0].capabilities.must[4]: must be a capability, but YAML reads 8 as a number: write "8"',
        (
            ':5: hosts[0].ports[0].capabilities.must[5]: must be a capability, not "A"B": a name, or a name, a '
            "space and one parameter, each of at most 64 visible ASCII characters"
        ),
        ':5: hosts[0].ports[0].capabilities.must[7]: is named twice: "PIPELINING"',
        ":5: hosts[0].ports[0].capabilities.must_nots: is not a known key: did you mean must_not?",
        ":7: hosts[0].ports[1].capabilities: must be a mapping, not a list",
        ':9: hosts[0].ports[2].capabilities.must_not: must be a list, not "VRFY"',
    ),
    "certificate-checks": (
        ":5: hosts[0].ports[0].valid_certificate.names: is not a known key: did you mean name?",
        ":5: hosts[0].ports[0].valid_certificate.dates: must be true or false, not no",
        ":5: hosts[0].ports[0].valid_certificate.expiry: is not a known key: known here are chain, name, dates",
        ":6: hosts[0].ports[1].valid_certificate: must be true or false, not a list",
    ),
    "certificate-checks-without-tls": (
        ":4: hosts[0].ports[0].valid_certificate: cannot be met with tls: none, where no certificate is ever seen",
    ),
    "certificate-group": (
        (
            ":3: hosts[0].certificate_group: must be the name of a group or of a host with at most 253 "
            "characters, or none, not an empty text"
        ),
        (
            ":5: hosts[0].ports[0].certificate_group: must be the name of a group or of a host with at most 253 "
            'characters, or none, but YAML reads 12 as a number: write "12"'
        ),
        (
            ":6: hosts[0].ports[1].certificate_group: must be the name of a group or of a host with at most 253 "
            "characters, or none, not a list"
        ),
        (
            ":7: hosts[0].ports[2].certificate_group: must be the name of a group or of a host with at most 253 "
            'characters, or none, not "."'
        ),
        (
            ":8: hosts[0].ports[3].certificate_group: must be the name of a group or of a host with at most 253 "
            'characters, or none, not "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"'
        ),
    ),
    "certificate-group-without-tls": (
        ":4: hosts[0].ports[0].certificate_group: has no meaning with tls: none, where no certificate is ever seen",
    ),
    "certificate-without-tls": (
        ":4: hosts[0].ports[0].valid_certificate: cannot be met with tls: none, where no certificate is ever seen",
    ),
    "choice": (
        ':5: hosts[0].ports[0].starttls: must be one of required, optional, forbidden, not "maybe"',
        ":6: hosts[0].ports[0].expect: must be one of open, closed, filtered, any, not on",
        ":7: hosts[0].ports[0].tls: must be one of none, starttls, implicit, not a list",
        ":8: hosts[0].ports[0].protocol: must be one of smtp, imap, pop3, sieve, not an empty value",
    ),
    "connect-above-total": (
        (
            ":2: defaults.timeouts.connect: no probe could get past connecting: timeouts.total is 60s, built in; "
            "timeouts.connect 90s, defaults (connect-above-total.yml:2)"
        ),
    ),
    "control-character": (":2: is not valid YAML: it holds a control character",),
    "defaults-empty": (":1: defaults: must be a mapping, not an empty value",),
    "defaults-port-number": (
        ":3: defaults.ports.0587: must be a port number without leading zeros, not 0587",
        ":4: defaults.ports.smtp: must be a port number from 1 to 65535, not smtp",
    ),
    "defaults-ports-list": (
        (
            ":2: defaults.ports: must be a mapping of port numbers to settings: which ports a host has is said at "
            "the host"
        ),
    ),
    "duplicate-key": (":4: hosts[0].interval: is given twice, first in line 3",),
    "duration-malformed": (
        ':2: defaults.interval: must be a duration such as 500ms, 60s, 5m or 1h30m, not "1.5m"',
        ':3: defaults.timeouts.connect: must be a duration such as 500ms, 60s, 5m or 1h30m, not "soon"',
        ":3: defaults.timeouts.greeting: must be a duration such as 500ms, 60s, 5m or 1h30m, not a list",
        ':3: defaults.timeouts.reply: must be a duration such as 500ms, 60s, 5m or 1h30m, not ""',
        ':3: defaults.timeouts.total: must be a duration such as 500ms, 60s, 5m or 1h30m, not "30s5m"',
    ),
    "duration-without-unit": (
        (
            ":2: defaults.interval: must be a duration such as 500ms, 60s, 5m or 1h30m, not 60: a number needs a "
            "unit, write 60s"
        ),
    ),
    "ehlo-address": (
        ":2: defaults.ehlo_name: must be a fully qualified name or an address literal: write [192.0.2.1]",
    ),
    "ehlo-address-ipv6": (
        ":2: defaults.ehlo_name: must be a fully qualified name or an address literal: write [IPv6:2001:db8::1]",
    ),
    "ehlo-literal": (
        (
            ":4: hosts[0].ports[0].ehlo_name: must be a fully qualified name or an address literal such as "
            '[192.0.2.1] or [IPv6:2001:db8::1], not "[2001:db8::1]"'
        ),
        (
            ":5: hosts[0].ports[1].ehlo_name: must be a fully qualified name or an address literal such as "
            '[192.0.2.1] or [IPv6:2001:db8::1], not "[mail]"'
        ),
        (
            ":6: hosts[0].ports[2].ehlo_name: must be a fully qualified name or an address literal such as "
            '[192.0.2.1] or [IPv6:2001:db8::1], not "[0.0.0.0]"'
        ),
    ),
    "ehlo-localdomain": (
        (
            ":2: defaults.ehlo_name: must be a fully qualified name or an address literal that others can look up, "
            'not "localhost.localdomain"'
        ),
    ),
    "ehlo-localhost": (
        (
            ":2: defaults.ehlo_name: must be a fully qualified name or an address literal that others can look up, "
            'not "localhost"'
        ),
    ),
    "ehlo-not-ascii": (
        (
            ":4: hosts[0].ports[0].ehlo_name: must be a fully qualified name or an address literal in ASCII: write "
            "xn--mnchen-3ya.example.org"
        ),
        ":5: hosts[0].ports[1].ehlo_name: must be a fully qualified name or an address literal in ASCII",
    ),
    "ehlo-not-qualified": (
        ':2: defaults.ehlo_name: must be a fully qualified name or an address literal, not "monitor"',
    ),
    "ehlo-syntax": (
        (
            ":2: defaults.ehlo_name: must be a fully qualified name or an address literal, not "
            '"monitor..example.org": letters, digits and hyphens, at most 63 between two dots and 253 in all'
        ),
    ),
    "ehlo-underscore": (
        ':2: defaults.ehlo_name: must be a fully qualified name or an address literal, not "my_monitor.example.org"',
    ),
    "empty": (": is empty",),
    "escape-out-of-range": (":1: is not valid YAML: a number in it is too large",),
    "families-empty": (":3: hosts[0].ip_families: must name at least one",),
    "families-not-list": (':3: hosts[0].ip_families: must be a list, not "ipv4"',),
    "family-not-of-literal": (":3: hosts[0].ip_families: leaves nothing to probe: 192.0.2.1 is ipv4",),
    "family-twice": (':3: hosts[0].ip_families[1]: is named twice: "ipv4"',),
    "family-unknown": (':3: hosts[0].ip_families[1]: must be one of ipv4, ipv6, not "ipv5"',),
    "greeting-codes": (
        ":4: hosts[0].ports[0].greeting_codes: must name at least one",
        ":5: hosts[0].ports[1].greeting_codes[1]: must be a reply code from 200 to 599, not 199",
        ":5: hosts[0].ports[1].greeting_codes[2]: must be a reply code from 200 to 599, not 600",
        ":5: hosts[0].ports[1].greeting_codes[3]: must be a reply code: write 554 without quotes",
        ":5: hosts[0].ports[1].greeting_codes[4]: is named twice: 220",
        ":6: hosts[0].ports[2].greeting_codes: must be a list, not 554",
    ),
    "greeting-codes-many": (":3: hosts[0].greeting_codes: must name at most 10, not 11",),
    "greeting-codes-without-smtp": (
        ":4: hosts[0].ports[0].greeting_codes: has no meaning with protocol: imap, whose greetings have no code",
    ),
    "greeting-codes-without-smtp-default": (
        ":3: defaults.ports.110.greeting_codes: has no meaning with protocol: pop3, whose greetings have no code",
    ),
    "group-not-mapping": (':2: defaults.timeouts: must be a mapping, not "5s"',),
    "host-brackets": (':1: hosts[0]: must be a host name or an IP address without brackets, not "[2001:db8::1]"',),
    "host-empty": (":2: hosts[0]: must be a host name or an IP address, not an empty value",),
    "host-final-dot": (
        ':1: hosts[0]: must be a host name or an IP address without a dot at its end, not "mail.example.org."',
    ),
    "host-is-list": (":2: hosts[0]: must be a host name or an IP address, not a list",),
    "host-missing": (":2: hosts[0]: must name its host, under the key host",),
    "host-no": (
        ':1: hosts[0]: must be a host name or an IP address, but YAML reads no as true or false: write "no"',
        ':1: hosts[1]: must be a host name or an IP address, but YAML reads 12 as a number: write "12"',
        ':1: hosts[2]: must be a host name or an IP address, but YAML reads 1.5 as a fraction: write "1.5"',
        (':1: hosts[3]: must be a host name or an IP address, but YAML reads 2024-01-01 as a date: write "2024-01-01"'),
        ':1: hosts[4]: must be a host name or an IP address, but YAML reads 10:20 as a number: write "10:20"',
    ),
    "host-not-idna": (
        (
            ':1: hosts[0]: must be a host name or an IP address, not "\u0627a.example.org": letters, digits and '
            "hyphens, at most 63 between two dots and 253 in all"
        ),
        (
            ':1: hosts[1]: must be a host name or an IP address, not "m⒈.example.org": letters, digits and '
            "hyphens, at most 63 between two dots and 253 in all"
        ),
        (
            ":1: hosts[2]: must be a host name or an IP address, not "
            '"üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…": letters, digits and hyphens, at most '
            "63 between two dots and 253 in all"
        ),
    ),
    "host-not-ipv4": (
        ':1: hosts[0]: must be a host name or an IP address: "192.0.2.256" ends in a number and is no IPv4 address',
        ':1: hosts[1]: must be a host name or an IP address: "192.0.2" ends in a number and is no IPv4 address',
    ),
    "host-not-ipv6": (':1: hosts[0]: must be a host name or an IP address, not "2001:db8::g"',),
    "host-odd-address": (
        ":1: hosts[0]: must be the address of one host, not 0.0.0.0",
        ":1: hosts[1]: must be the address of one host, not 224.0.0.1",
        ":1: hosts[2]: must be an address without a zone: link-local addresses are not probed",
        ":1: hosts[3]: is an IPv4 address inside an IPv6 one: write 192.0.2.1",
    ),
    "host-surrogate": (
        (
            ":1: hosts[0]: must be a host name or an IP address without control characters, not "
            '"mail\\ud800.example.org"'
        ),
    ),
    "host-syntax": (
        (
            ':1: hosts[0]: must be a host name or an IP address, not "-mail.example.org": letters, digits and '
            "hyphens, at most 63 between two dots and 253 in all"
        ),
        (
            ':1: hosts[1]: must be a host name or an IP address, not "mail..example.org": letters, digits and '
            "hyphens, at most 63 between two dots and 253 in all"
        ),
        (
            ':1: hosts[2]: must be a host name or an IP address, not "mail example.org": letters, digits and '
            "hyphens, at most 63 between two dots and 253 in all"
        ),
        ":1: hosts[3]: must be a host name or an IP address, not an empty text",
        ':1: hosts[4]: must be a host name or an IP address without control characters, not "mail\\nexample.org"',
    ),
    "host-too-long": (
        (
            ":2: hosts[0]: must be a host name or an IP address, not "
            '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…": letters, digits and hyphens, at most '
            "63 between two dots and 253 in all"
        ),
        (
            ":3: hosts[1]: must be a host name or an IP address, not "
            '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…": letters, digits and hyphens, at most '
            "63 between two dots and 253 in all"
        ),
    ),
    "host-twice": (":3: hosts[1]: port 25 of mail.example.org is named twice, first in host-twice.yml:2",),
    "host-twice-address": (
        (
            ":4: hosts[1]: 2001:DB8:0::1 is the host that host-twice-address.yml:2 calls 2001:db8::1: write both "
            "the same way"
        ),
        ":5: hosts[1].ports[0]: port 25 of 2001:DB8:0::1 is named twice, first in host-twice-address.yml:3",
    ),
    "host-two-family-sets": (
        (
            ":3: hosts[1]: mail.example.org has other ip_families in host-two-family-sets.yml:2: they hold for all "
            "ports of a host"
        ),
    ),
    "host-two-label-sets": (
        (
            ":3: hosts[1]: mail.example.org has other labels in host-two-label-sets.yml:2: they are put on all "
            "series of a host"
        ),
    ),
    "host-two-spellings": (
        (
            ":3: hosts[1]: Mail.Example.Org is the host that host-two-spellings.yml:2 calls mail.example.org: "
            "write both the same way"
        ),
    ),
    "host-url": (':1: hosts[0]: must be a host name or an IP address, not a URL: "smtp://mail.example.org"',),
    "host-with-port": (
        ':1: hosts[0]: must be a host name or an IP address, not "mail.example.org:25": name port 25 under ports',
    ),
    "hosts-file-itself": (":1: hosts_files[0]: names this file itself, whose hosts belong under hosts",),
    "hosts-file-missing": (":1: hosts_files[0]: missing.yml does not exist",),
    "hosts-files-not-list": (':1: hosts_files: must be a list, not "conf.d/*.yml"',),
    "hosts-files-not-text": (
        ':1: hosts_files[0]: must be the path or the pattern of a file, but YAML reads 12 as a number: write "12"',
    ),
    "hosts-not-list": (':1: hosts: must be a list, not "mail.example.org"',),
    "interval-too-long": (':2: defaults.interval: must be at most 1d, not "2d"',),
    "interval-too-short": (
        (
            ':2: defaults.interval: must be at least 10s, not "5s": a shorter interval is a burden on the servers '
            "and shows nothing more"
        ),
    ),
    "key-at-wrong-level": (
        (
            ":1: interval: cannot stand in the main file, only in defaults or defaults.ports.<number> or a host or "
            "a port or a module"
        ),
        ":4: hosts[0].ports[0].ip_families: cannot stand in a port, only in defaults or a host or a module",
    ),
    "key-not-scalar": (":2: holds a list where a key should be",),
    "key-tagged": (':2: holds a value with the tag "!key" where a key should be',),
    "label-control": (':2: defaults.labels.site: must be text without control characters, not "a\\tb"',),
    "label-long": (
        (
            ":2: defaults.labels.site: must be at most 128 bytes long, not 130: "
            '"üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…"'
        ),
    ),
    "label-not-text": (
        ':2: defaults.labels.rack: must be text, but YAML reads 12 as a number: write "12"',
        ':2: defaults.labels.spare: must be text, but YAML reads no as true or false: write "no"',
        ":2: defaults.labels.site: must be text, not an empty value",
        ':2: defaults.labels.since: must be text, but YAML reads 2024-01-01 as a date: write "2024-01-01"',
        ":2: defaults.labels.tags: must be text, not a list",
    ),
    "label-ours": (
        ":2: defaults.labels.tls: is not allowed: this label is set by mailprobe",
        ":2: defaults.labels.finding: is not allowed: this label is set by mailprobe",
        ":2: defaults.labels.basis: is not allowed: this label is set by mailprobe",
        ":2: defaults.labels.standing: is not allowed: this label is set by mailprobe",
        ":2: defaults.labels.job: is not allowed: this label is set by Prometheus",
        ":2: defaults.labels.__name__: is not allowed: names that begin with two underscores are Prometheus' own",
        ":2: defaults.labels.1st: is not a label name: letters, digits and underscores, not beginning with a digit",
    ),
    "labels-list": (":2: defaults.labels: must be a mapping, not a list",),
    "many": (
        ':1: max_sessions: must be a number of sessions from 1 to 10000, not "many"',
        ':3: hosts[0].host: must be a host name or an IP address, but YAML reads no as true or false: write "no"',
        (
            ":4: hosts[0].interval: must be a duration such as 500ms, 60s, 5m or 1h30m, not 5: a number needs a "
            "unit, write 5s"
        ),
        ":6: hosts[0].ports[0].port: must be a port number from 1 to 65535, not 99999",
        ':6: hosts[0].ports[0].tls: must be one of none, starttls, implicit, not "maybe"',
        ':8: hosts[1]: must be a host name or an IP address without a dot at its end, not "mail.example.org."',
    ),
    "merge-key": (':4: hosts[1]."<<": is not understood: write what several hosts share under defaults',),
    "min-tls": (
        ":4: hosts[0].ports[0].min_tls: must be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, not 1.2",
        ':5: hosts[0].ports[1].min_tls: must be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, not "tls1.2"',
        ":6: hosts[0].ports[2].min_tls: must be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, not a list",
    ),
    "min-tls-without-tls": (
        ":4: hosts[0].ports[0].min_tls: has no meaning with tls: none, where no version is ever negotiated",
    ),
    "nameserver-name": (
        ':1: nameservers[0]: must be an IP address, not "ns.example.org"',
        ':1: nameservers[2]: is named twice: "192.0.2.53"',
    ),
    "nested-too-deep": (":1: is nested more than 32 levels deep",),
    "no-hosts": (":1: names no hosts: write them under hosts, or name files with them under hosts_files",),
    "not-utf8": (":2: is not UTF-8 text",),
    "null": (":1: must be a mapping, not an empty value",),
    "number": (
        ":1: max_sessions: must be a number of sessions from 1 to 10000, not 0",
        ":2: sessions_per_address: must be a number of sessions: write 2 without quotes",
    ),
    "number-huge": (
        ":1: max_sessions: must be a number of sessions from 1 to 10000, not 99999999999999999999",
        ":2: sessions_per_address: must be a number of sessions from 1 to 50, not a list",
    ),
    "port-leading-zero": (":3: hosts[0].ports[0]: must be a port number without leading zeros, not 025",),
    "port-missing": (":3: hosts[0].ports[0]: must name its port, under the key port",),
    "port-out-of-range": (
        ":3: hosts[0].ports[0]: must be a port number from 1 to 65535, not 0",
        ":3: hosts[0].ports[1]: must be a port number from 1 to 65535, not 65536",
        ":3: hosts[0].ports[2]: must be a port number from 1 to 65535, not -25",
        ":3: hosts[0].ports[3]: must be a port number from 1 to 65535, not 25.0",
    ),
    "port-quoted": (":3: hosts[0].ports[0]: must be a port number: write 25 without quotes",),
    "port-true": (
        ":3: hosts[0].ports[0]: must be a port number from 1 to 65535, not yes",
        ':3: hosts[0].ports[1]: must be a port number from 1 to 65535, not "smtp"',
    ),
    "port-twice": (":5: hosts[0].ports[1]: port 25 of mail.example.org is named twice, first in port-twice.yml:4",),
    "port-with-colon": (":3: hosts[0].ports[0]: must be a port number from 1 to 65535, not 25:30",),
    "ports-empty": (":3: hosts[0].ports: must name at least one port: without ports the common ones are probed",),
    "ports-not-list": (":3: hosts[0].ports: must be a list, not 25",),
    "reference-timeouts": (
        (
            ":1: defaults.timeouts.total: no probe could get past connecting: timeouts.total is 1s, defaults "
            "(reference-timeouts.yml:1); timeouts.connect 5s, built in"
        ),
    ),
    "reference-watched": (
        (
            ":4: references.25[1]: port 25 of Mail.Example.Org is watched itself (reference-watched.yml:8): it "
            "cannot be its own witness"
        ),
        (
            ":5: references.143[0]: port 143 of mail.example.net is watched itself (reference-watched.yml:9): it "
            "cannot be its own witness"
        ),
    ),
    "references": (
        ':2: references.25[1]: is named twice: "MX.example.net"',
        ':2: references.25[2]: must be a host name or an IP address, but YAML reads 12 as a number: write "12"',
        (
            ':2: references.25[3]: must be a host name or an IP address: "192.0.2.256" ends in a number and is no'
            " IPv4 address"
        ),
        (
            ":3: references.26: must be one of the well-known ports 25, 110, 143, 465, 587, 993, 995, 2525, 4190,"
            ' not "26"'
        ),
        (
            ":4: references.smtp: must be one of the well-known ports 25, 110, 143, 465, 587, 993, 995, 2525, "
            '4190, not "smtp"'
        ),
        ":5: references.465: must name from 1 to 10 hosts, not 0",
        ':6: references.587: must be a list, not "mx.example.net"',
        ":7: references.993: must name from 1 to 10 hosts, not 11",
    ),
    "references-empty": (":1: references: must be a mapping, not an empty value",),
    "references-list": (":1: references: must be a mapping, not a list",),
    "require-families": (
        ':1: defaults.require_families: must be a list, not "ipv6"',
        ':3: hosts[0].require_families[1]: must be one of ipv4, ipv6, not "ipv5"',
        ':3: hosts[0].require_families[2]: is named twice: "ipv6"',
    ),
    "require-families-not-probed": (
        (
            ":5: hosts[1].require_families: [ipv6] would never be probed: ip_families is [ipv4], defaults "
            "(require-families-not-probed.yml:1)"
        ),
        (
            ":7: hosts[2].require_families: [ipv4] would never be probed: ip_families is [ipv6], host "
            "(require-families-not-probed.yml:7)"
        ),
        ":8: hosts[3].require_families: [ipv4] would never be probed: ip_families is [ipv6], the address",
    ),
    "scalar": (':1: must be a mapping, not "mail.example.org"',),
    "second-document": (":2: holds a second document: only one is read",),
    "self-alias": (":2: is not valid YAML: *hosts stands before the end of any &hosts",),
    "server-name-address": (
        (':3: hosts[0].server_name: must be a name, not "192.0.2.1": an IP address is never sent as a TLS server name'),
    ),
    "server-name-syntax": (
        (
            ':3: hosts[0].server_name: must be a host name, not "*.example.org": letters, digits and hyphens, at '
            "most 63 between two dots and 253 in all"
        ),
    ),
    "source-address": (
        ':2: defaults.source_address.ipv4: must be an IPv4 address, not "2001:db8::1"',
        ':2: defaults.source_address.ipv6: must be an IPv6 address, not "192.0.2.1"',
    ),
    "source-address-text": (':2: defaults.source_address: must be a mapping, not "192.0.2.1"',),
    "spans-too-long": (
        ':1: variant_interval: must be at most 7d, not "8d"',
        ':2: variant_gap: must be at most 1d, not "2d"',
        ':3: address_grace: must be at most 1d, not "25h"',
        ':4: reference_interval: must be at most 1d, not "2d"',
    ),
    "spans-too-short": (
        ':1: variant_interval: must be at least 10s, not "9s"',
        ':2: variant_gap: must be a duration such as 500ms, 60s, 5m or 1h30m, not "-1s"',
        (
            ":3: address_grace: must be a duration such as 500ms, 60s, 5m or 1h30m, not 10: a number needs a "
            "unit, write 10s"
        ),
        (
            ':4: reference_interval: must be at least 10s, not "5s": a shorter interval is a burden on the '
            "servers and shows nothing more"
        ),
        ":5: hosts[0].variant_gap: cannot stand in a host, only in the main file",
    ),
    "starttls-with-implicit": (
        ":4: hosts[0].ports[0].starttls: has no meaning with tls: implicit, where nothing is upgraded",
    ),
    "starttls-with-implicit-default": (
        ":3: defaults.ports.993.starttls: has no meaning with tls: implicit, where nothing is upgraded",
    ),
    "syntax": (":2: is not valid YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'",),
    "tab": (
        ":2: is not valid YAML: while scanning for the next token found character '\\t' that cannot start any token",
    ),
    "tag": (':1: hosts: must be a list, not a value with the tag "!include"',),
    "tag-on-list": (
        ':3: hosts[0].ports: must be a list, not a value with the tag "!ports"',
        ':4: hosts[0].labels: must be a mapping, not a value with the tag "tag:yaml.org,2002:set"',
    ),
    "timeout-too-short": (':2: defaults.timeouts.connect: must be at least 100ms, not "50ms"',),
    "top-level-list": (":1: must be a mapping, not a list: put the list under the key hosts",),
    "total-below-connect": (
        (
            ":3: hosts[0].timeouts.total: no probe could get past connecting: timeouts.total is 3s, host "
            "(total-below-connect.yml:3); timeouts.connect 5s, built in"
        ),
    ),
    "truth": (
        ":2: defaults.valid_certificate: must be true or false, not yes",
        ":3: metrics.capabilities: must be true or false: write true without quotes",
    ),
    "undefined-alias": (":2: is not valid YAML: *mail stands before the end of any &mail",),
    "unknown-key": (":3: hosts[0].intervall: is not a known key: did you mean interval?",),
    "unknown-key-far-off": (
        (
            ":1: wibble: is not a known key: known here are defaults, hosts_files, hosts, modules, nameservers, "
            "max_sessions, sessions_per_address, min_gap, first_round, certificate_retention, metrics, "
            "references, reference_interval, variant_interval, variant_gap, address_grace, watch, probe_allow, "
            "probe_max_age"
        ),
    ),
    "unknown-key-in-group": (":2: defaults.timeouts.conect: is not a known key: did you mean connect?",),
    "unknown-key-odd": (
        (
            ':2: "a b\\nc": is not a known key: known here are defaults, hosts_files, hosts, modules, nameservers, '
            "max_sessions, sessions_per_address, min_gap, first_round, certificate_retention, metrics, "
            "references, reference_interval, variant_interval, variant_gap, address_grace, watch, probe_allow, "
            "probe_max_age"
        ),
    ),
    "unknown-port": (
        ":4: hosts[0].ports[0]: port 26 is not well known: it needs protocol and tls",
        ":5: hosts[0].ports[1]: port 27 is not well known: it needs protocol",
    ),
    "unknown-port-unreadable": (':4: hosts[0].ports[0].protocol: must be one of smtp, imap, pop3, sieve, not "smpt"',),
    "variants": (
        ':4: hosts[0].ports[0].variants[1]: must be one of no_sni, rsa, ecdsa, not "default"',
        ':4: hosts[0].ports[0].variants[2]: must be one of no_sni, rsa, ecdsa, not "ed25519"',
        ':5: hosts[0].ports[1].variants[1]: is named twice: "rsa"',
        ':6: hosts[0].ports[2].variants: must be a list, not "none"',
    ),
    "variant-interval-below-built-in-gap": (
        (
            ":1: variant_interval: no variant could be made as often as it should: variant_gap is 600s, built in; "
            "variant_interval 300s, main file (variant-interval-below-built-in-gap.yml:1)"
        ),
    ),
    "variant-gap-above-interval": (
        (
            ":2: variant_gap: no variant could be made as often as it should: variant_gap is 1h, main file "
            "(variant-gap-above-interval.yml:2); variant_interval 600s, main file (variant-gap-above-interval.yml:1)"
        ),
    ),
    "variants-without-tls": (
        ":2: defaults.ports.27.variants: have no meaning with tls: none, where no handshake is ever made",
        ":8: hosts[1].ports[0].variants: have no meaning with tls: none, where no handshake is ever made",
    ),
    "watch": (
        ":1: watch.stale_certificate: is not a known key: did you mean stale_certificates?",
        ":1: watch.tls_findings: must be true or false, not no",
        ":1: watch.suspected_bans: must be true or false: write false without quotes",
        ":1: watch.lost_families: must be true or false, not 1",
    ),
    "watch-not-mapping": (":1: watch: must be a mapping, not false",),
    "modules": (
        (
            ':2: modules."no spaces": is not the name of a module: "no spaces" is not made of letters, digits, '
            "dots, hyphens and underscores, at most 64"
        ),
        (
            ':3: modules."": is not the name of a module: "" is not made of letters, digits, dots, hyphens and '
            "underscores, at most 64"
        ),
        ":4: modules.unknown.hostname: is not a known key: did you mean ehlo_name?",
        ":5: modules.elsewhere.host: cannot stand in a module, only in a host",
        ":5: modules.elsewhere.labels: cannot stand in a module, only in defaults or a host",
        ":6: modules.odd: port 10025 is not well known: it needs protocol and tls",
        ":7: modules.half: port 10025 is not well known: it needs tls",
        ":8: modules.number.port: must be a port number from 1 to 65535, not 0",
        ":10: modules.twice: is given twice, first in line 9",
        ":13: modules.implicit.starttls: has no meaning with tls: implicit, where nothing is upgraded",
        ":14: modules.retrieval.greeting_codes: has no meaning with protocol: imap, whose greetings have no code",
        ":15: modules.clear.valid_certificate: cannot be met with tls: none, where no certificate is ever seen",
        ":15: modules.clear.min_tls: has no meaning with tls: none, where no version is ever negotiated",
        ":15: modules.clear.certificate_group: has no meaning with tls: none, where no certificate is ever seen",
        ":15: modules.clear.variants: have no meaning with tls: none, where no handshake is ever made",
        (
            ":16: modules.slow.timeouts.total: no probe could get past connecting: timeouts.total is 5s, module "
            "slow (modules.yml:16); timeouts.connect 10s, module slow (modules.yml:16)"
        ),
        (
            ":18: modules.contradiction.capabilities.must_not: no server could meet this: AUTH PLAIN must be "
            "offered, module contradiction (modules.yml:18), and AUTH must not, module contradiction "
            "(modules.yml:18)"
        ),
    ),
    "modules-list": (":1: modules: must be a mapping, not a list",),
    "modules-not-mapping": (":1: modules.submission: must be a mapping, not 587",),
    "probe-allow": (
        (
            ':2: probe_allow[0]: must be a host name or an IP address, not "mail..example.org": letters, digits '
            "and hyphens, at most 63 between two dots and 253 in all"
        ),
        (
            ":3: probe_allow[1]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not "*.example.org": write ".example.org"'
        ),
        (
            ':4: probe_allow[2]: must be a host name or an IP address, not "": letters, digits and hyphens, at '
            "most 63 between two dots and 253 in all"
        ),
        (
            ":5: probe_allow[3]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not ".192.0.2.1"'
        ),
        ":6: probe_allow[4]: 192.0.2.1/24 is an address in a network: write 192.0.2.0/24",
        (
            ":7: probe_allow[5]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not "192.0.2.0/33"'
        ),
        (
            ":8: probe_allow[6]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not "192.0.2.0/255.255.255.0"'
        ),
        (
            ":9: probe_allow[7]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not "192.0.2/24"'
        ),
        (
            ":10: probe_allow[8]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24 without a zone, not "fe80::%eth0/64"'
        ),
        ":11: probe_allow[9]: must be the address of one host, not 224.0.0.1",
        (
            ':12: probe_allow[10]: must be a host name or an IP address, not "mail.example.org:25": name port 25 '
            "under ports"
        ),
        (
            ":13: probe_allow[11]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, not "https://mail.example.org"'
        ),
        (
            ":14: probe_allow[12]: must be a name, a suffix such as .example.org, or a network such as "
            '192.0.2.0/24, but YAML reads 12 as a number: write "12"'
        ),
        ':16: probe_allow[14]: is named twice: ".example.org"',
    ),
    "probe-allow-not-list": (':1: probe_allow: must be a list, not "mail.example.org"',),
    "probe-max-age": (':1: probe_max_age: must be at most 1h, not "2h"',),
}
