// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// rules say where a program takes secrets, beyond options that are named like one.
type rules struct {
	// secret are short options whose value is one, attached or as the next argument.
	secret string
	// attached are those that take it attached only.
	attached string
	// valued are the other short options with a value.
	valued string
	// behind are subcommands of which one must come first for secret to hold.
	behind []string
	// long are long options, without dashes.
	long []string
	// words are those behind which positional arguments are secrets, save the first
	// so many.
	words map[string]int
	// first, if not 0, is the first positional argument that is one, counted from 1.
	first int
	// fields reports that the values of name=value are secrets whatever the name is.
	fields bool
}

func (r *rules) hasLong(name string) bool {
	for _, long := range r.long {
		if name == long {
			return true
		}
	}
	return false
}

func (r *rules) after(text string) (int, bool) {
	n, ok := r.words[strings.ToLower(text)]
	return n, ok
}

func (r *rules) positionals() int { return r.first - 1 }

// rulesOf knows the programs by their file name.
func rulesOf(name string) (rules, bool) {
	for _, known := range []func(string) (rules, bool){databaseRules, webRules, cloudRules, hostRules} {
		if r, ok := known(name); ok {
			return r, true
		}
	}
	return rules{}, false
}

func databaseRules(name string) (rules, bool) {
	switch name {
	case "mysql", "mariadb", "mysqldump", "mariadb-dump", "mysqladmin", "mariadb-admin", "mysqlimport", "mariadb-import", "mysqlshow",
		"mariadb-show", "mysqlcheck", "mariadb-check", "mysqlpump", "mysqlbinlog", "mariadb-binlog", "mysqlslap", "mysqlsh", "mycli",
		"xtrabackup", "mariabackup", "innobackupex", "mydumper", "myloader", "mysql_upgrade", "mariadb-upgrade":
		return rules{attached: "p", valued: "uhPDSeBLOR", words: map[string]int{"password": 0}}, true
	case "psql", "pg_dump", "pg_restore", "pg_dumpall", "pg_basebackup", "createuser", "createdb", "pgbench", "pgcli", "vacuumdb":
		return rules{}, true
	case "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop", "mongofiles", "bsondump":
		return rules{secret: "p", valued: "udhc"}, true
	case "redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark", "valkey-benchmark", "iredis", "redis-server", "valkey-server":
		return rules{
			secret: "a", valued: "hpsirndxXtDc", long: []string{"pass", "requirepass", "masterauth", "primaryauth"},
			words: map[string]int{"auth": 0, "auth2": 0, "requirepass": 0, "masterauth": 0, "setuser": 1},
		}, true
	case "cqlsh", "influx", "clickhouse-client", "clickhouse", "cockroach", "impala-shell", "beeline", "trino", "presto", "neo4j-admin",
		"cypher-shell", "arangosh", "couchbase-cli", "cbq", "etcdctl", "nodetool":
		return rules{secret: "p", valued: "uhHPd", long: []string{"pw", "p", "user"}}, true
	case "sqlcmd", "bcp", "isql", "tsql", "osql", "fisql", "bsqldb":
		return rules{secret: "P", valued: "USdHpQqi"}, true
	case "sqlplus", "sqlldr", "rman", "expdp", "impdp", "exp", "imp", "sql":
		return rules{first: 1}, true
	}
	return rules{}, false
}

func webRules(name string) (rules, bool) {
	switch name {
	case "curl":
		return rules{secret: "uUb", valued: "AcCdDeFHKmoPQrtTwxXyYzE", long: []string{
			"user", "proxy-user", "oauth2-bearer", "cookie", "pass",
			"proxy-pass", "tlspassword", "proxy-tlspassword", "cert", "proxy-cert",
		}}, true
	case "wget", "wget2", "aria2c", "axel":
		return rules{valued: "OoPaiUtTQeAR"}, true
	case "http", "https", "xh", "xhs", "httpie", "curlie":
		return rules{secret: "a", valued: "oPps", long: []string{"auth"}}, true
	case "ab", "hey", "siege", "wrk", "wrk2", "bombardier", "vegeta", "oha":
		return rules{secret: "aAPC", valued: "ncztTHmhDdogu"}, true
	case "grpcurl", "evans", "websocat", "wscat":
		return rules{long: []string{"basic-auth", "auth"}}, true
	case "lftp", "ncftp", "ncftpget", "ncftpput", "ftp", "sftp", "tnftp":
		return rules{secret: "up", valued: "eP"}, true
	case "mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "mqtt": //nolint:misspell // its name
		return rules{secret: "P", valued: "htmupiq", long: []string{"pw"}}, true
	case "rabbitmqctl", "rabbitmqadmin":
		return rules{
			secret: "p", valued: "uHPV", words: map[string]int{"add_user": 1, "change_password": 1, "authenticate_user": 1},
			behind: []string{"declare", "list", "publish", "get", "show", "delete", "export", "import"},
		}, true
	case "swaks", "sendemail", "mailx", "s-nail":
		return rules{long: []string{"ap", "xp", "auth-password"}}, true
	case "git", "svn", "hg":
		return rules{valued: "Cm"}, true
	case "ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd", "ldapwhoami", "ldapcompare", "ldapmodrdn", "ldapexop":
		return rules{secret: "wsa", valued: "DbHhpfyY"}, true
	case "slappasswd":
		return rules{secret: "s", valued: "hcT"}, true
	case "snmpget", "snmpwalk", "snmpset", "snmpbulkwalk", "snmpgetnext", "snmptrap", "snmpbulkget":
		return rules{secret: "cAX", valued: "vlauxrtm"}, true
	}
	return rules{}, false
}

func cloudRules(name string) (rules, bool) {
	switch name {
	case "docker", "podman", "nerdctl", "buildah", "skopeo", "crane", "oras", "helm", "oc", "cf", "az", "ctr", "crictl", "regctl":
		return rules{
			secret: "p", valued: "uefvlwh", behind: []string{"login", "registry"}, words: map[string]int{"auth": 1},
			long: []string{"creds", "src-creds", "dest-creds", "sas", "connection-string", "user"},
		}, true
	case "kubectl":
		return rules{valued: "nflpoc", long: []string{"from-literal"}}, true
	case "vault", "bao", "openbao":
		return rules{words: map[string]int{"login": 0, "unwrap": 0, "unseal": 0}, fields: true}, true
	case "consul", "nomad":
		return rules{words: map[string]int{"put": 1}}, true
	case "aws":
		return rules{long: []string{"secret-string", "value"}}, true
	case "gh", "glab":
		return rules{secret: "b", valued: "R", behind: []string{"secret"}, long: []string{"body"}}, true
	case "heroku", "fly", "flyctl", "wrangler", "vercel":
		return rules{secret: "t", words: map[string]int{"config:set": 0}, behind: []string{"deploy", "login"}}, true
	case "twine", "npm", "yarn", "pip", "pip3", "poetry", "gem", "cargo":
		return rules{secret: "p", behind: []string{"upload", "login"}, words: map[string]int{"login": 0}}, true
	case "rclone":
		return rules{words: map[string]int{"obscure": 0, "pass": 0}}, true
	}
	return rules{}, false
}

func hostRules(name string) (rules, bool) {
	switch name {
	case "sshpass":
		return rules{secret: "p", valued: "fdP"}, true
	case "openssl":
		return rules{words: map[string]int{"passwd": 0}, long: []string{"k", "K", "pass", "passin", "passout", "hmac", "macopt", "pw", "psk", "srppass"}, secret: "kK"}, true
	case "ipmitool":
		return rules{secret: "PkKy", valued: "HUILpt"}, true
	case "smbclient", "rpcclient", "net", "smbmap", "wmic", "winexe", "smbget":
		return rules{secret: "U", valued: "WIpcD"}, true
	case "htpasswd":
		return rules{first: 3}, true
	case "useradd", "usermod", "groupadd", "groupmod", "adduser":
		return rules{secret: "p", valued: "cdegGsuk"}, true
	case "7z", "7za", "7zr", "rar", "unrar":
		return rules{attached: "p", secret: ""}, true
	case "zip", "unzip", "funzip":
		return rules{secret: "P", valued: "xidb"}, true
	case "ssh-keygen":
		return rules{secret: "NP", valued: "tbCf"}, true
	case "wpa_passphrase":
		return rules{first: 2}, true
	case "rdesktop", "vncviewer", "vncpasswd", "x11vnc":
		return rules{secret: "p", valued: "ugd", long: []string{"passwd"}}, true
	case "xfreerdp", "wlfreerdp":
		return rules{long: []string{"p"}}, true
	case "keytool", "jarsigner", "gpg", "gpg2", "ansible", "ansible-playbook", "kinit", "nmcli", "restic", "borg":
		return rules{}, true
	}
	return rules{}, false
}
