// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func redactor(t testing.TB, expressions ...string) *Redactor {
	r, err := New(expressions)
	require.NoError(t, err)
	return r
}

// commands are command lines, an argument between each two bars. § stands for the
// secret.
func commands() []string {
	return []string{
		// curl, wget and their kind
		"curl|-u|user:§|http://x/", "curl|-uuser:§|http://x/", "curl|-sSu|user:§|http://x/", "curl|--user|user:§", "curl|--user=user:§",
		"curl|-U|p:§", "curl|--proxy-user|p:§", "curl|-H|Cookie: session=§; theme=dark", "curl|-H|Authorization: Bearer §",
		"curl|-H|authorization:§", "curl|-H|X-Api-Key: §", "curl|-HX-Api-Key: §", "curl|--header=PRIVATE-TOKEN: §", "curl|-b|sid=§",
		"curl|--cookie|sid=§", "curl|https://acct.blob.core.windows.net/c/b?sv=2024&sig=§&se=1", "curl|http://x/?token=§",
		"curl|http://x/?a=1&access_token=§#frag", "curl|https://maps.example/api?key=§", "curl|http://u:§@host/", "curl|https://§@host/",
		"curl|-d|user=a&password=§&x=y", "curl|-d|{\"user\":\"a\",\"password\":\"§\"}", "curl|--data-raw|{\"client_secret\": \"§\", \"b\": 1}",
		"curl|--oauth2-bearer|§", "curl|-x|http://u:§@proxy:3128", "curl|--json|{\"a\":{\"apiKey\":\"§\"}}", "curl|--cert|c.pem:§",
		"curl|http://x/cb?code=§", "curl|https://b.s3.amazonaws.com/k?X-Amz-Signature=§", "curl|https://b/k?X-Goog-Signature=§",
		"curl|https://hooks.slack.com/services/T0/B0/§", "wget|--http-password=§", "wget|--password|§", "wget|--header|Cookie: §",
		"wget|--header=Authorization: Basic §", "wget|--post-data|user=x&pass=§", "wget|ftp://u:§@h/f", "http|-a|user:§|GET|x", "http|x|X-API-Key:§",
		"http|POST|x|password=§", "http|POST|x|token:=\"§\"", "https|--auth|u:§|x", "xh|-a|u:§|x", "ab|-A|u:§|http://x/", "grpcurl|-H|authorization: §|h:1",
		"hey|-a|u:§|http://x", "lftp|-u|user,§|host",
		// databases
		"mysql|-p§", "mysql|-uroot|-p§|db", "mariadb|-p§", "mariadb|--password=§", "mysqldump|-h|db|-u|root|-p§", "mysqladmin|-p§|ping",
		"mysqladmin|password|§", "mysql|-e|ALTER USER 'a'@'%' IDENTIFIED BY '§'", "mysql|-e|SET PASSWORD FOR a = '§'",
		"mysql|-e|CREATE USER a IDENTIFIED WITH caching_sha2_password BY \"§\"", "psql|host=db user=a password=§ dbname=x",
		"psql|host=db password='§' dbname=x", "psql|postgres://a:§@db/x", "psql|postgresql://db/x?user=a&password=§", "psql|-c|ALTER ROLE a PASSWORD '§'",
		"psql|-c|CREATE ROLE a WITH LOGIN ENCRYPTED PASSWORD '§' VALID UNTIL 'infinity'", "pg_dump|--dbname=postgres://a:§@db/x",
		"redis-cli|-a|§|ping", "redis-cli|--pass|§", "redis-cli|-u|redis://:§@db:6379/0", "redis-cli|AUTH|§", "redis-cli|auth|user|§",
		"redis-cli|config|set|requirepass|§", "redis-cli|-h|db|ACL|SETUSER|a|on|>§", "redis-server|--requirepass|§", "valkey-cli|-a|§",
		"mongo|-u|a|-p|§|db", "mongosh|-p§", "mongodump|--password|§", "mongosh|mongodb+srv://a:§@c/x", "sqlcmd|-S|h|-U|sa|-P|§", "sqlcmd|-P§",
		"sqlplus|system/§@db", "cqlsh|-u|a|-p|§", "clickhouse-client|--password|§", "influx|-password|§", "app|shop:§@tcp(db:3306)/shop",
		"app|Server=db;User Id=sa;Password=§;Database=x", "app|DefaultEndpointsProtocol=https;AccountName=a;AccountKey=§",
		"java|-Dspring.datasource.password=§|-jar|a.jar", "java|-jar|a.jar|--spring.datasource.password=§", "mysql|-p'§'",
		// shells
		"bash|-c|mysql --password § -e 'select 1'", "bash|-c|curl -u user:§ http://x/", "sh|-c|export PGPASSWORD=§; psql -h db",
		"sh|-lc|PGPASSWORD=§ psql -h db", "bash|-c|echo § \\| docker login --password-stdin -u a", "bash|-c|echo '§' \\| sudo -S ls",
		"bash|-c|printf 'a:%s' § \\| chpasswd", "bash|-c|docker login --password-stdin <<< §", "ssh|host|mysql -p§", "ssh|host|sudo sh -c 'redis-cli -a §'",
		"ssh|host|bash -c \"mysql -p'§' db\"", "bash|-c|sh -c \"sh -c \\\"mysql -p§\\\"\"", "bash|-c|a && b; c\ncurl --user u:§ x", "su|-c|redis-cli -a §",
		"bash|-c|x=$(curl -u u:§ http://x)", "bash|-c|x=`redis-cli -a § get y`", "watch|mysql -p§", "sh|-c|TOKEN=\"§\" ./run", "bash|-c|curl -H 'Cookie: §' http://x",
		"bash|-c|curl -H \"Authorization: Bearer §\" http://x", "bash|-c|DB_PASS='§' ./run", "python3|-c|os.system(\"mysql -p§\")", "bash|-c|foo --password=§ --x",
		"bash|-c|foo --token '§' --x", "timeout|5|mysql|-p§", "sudo|-u|x|mysql|-p§", "env|API_KEY=§|app", "env|MYSQL_PWD=§|mysql", "nohup|redis-cli|-a|§",
		"docker|exec|-it|db|mysql|-uroot|-p§", "kubectl|exec|p|--|redis-cli|-a|§", "xargs|-I{}|sh|-c|mysql -p§ {}", "sshpass|-p|§|ssh|h", "sshpass|-p§|ssh|h",
		"kubectl|run|x|--overrides|{\"spec\":{\"containers\":[{\"command\":[\"mysql\",\"-p§\"]}]}}",
		// clouds and containers
		"docker|login|-u|a|-p|§", "docker|login|-p§", "podman|login|--password=§", "docker|run|-e|DB_PASSWORD=§|img", "docker|build|--build-arg|NPM_TOKEN=§|.",
		"skopeo|copy|--src-creds|a:§", "podman|pull|--creds=a:§|x", "helm|install|a|b|--set|password=§", "helm|upgrade|a|--set|auth.rootPassword=§,tag=1",
		"helm|install|--set-string|db.auth.password=§", "helm|repo|add|x|y|--password|§", "kubectl|--token=§|get|pods", "kubectl|--token|§", "oc|login|--token=§",
		"oc|login|-u|a|-p|§", "kubectl|create|secret|generic|x|--from-literal=key=§", "kubectl|create|secret|generic|x|--from-literal|key=§",
		"kubectl|create|secret|docker-registry|x|--docker-password=§", "aws|configure|set|aws_secret_access_key|§", "aws|secretsmanager|create-secret|--secret-string|§",
		"aws|ssm|put-parameter|--name|a|--value|§", "az|login|-u|a|-p|§", "az|storage|x|--account-key|§", "az|x|--sas-token|§", "vault|login|§",
		"vault|kv|put|secret/x|foo=§", "vault|write|auth/userpass/login/a|password=§", "consul|kv|put|a/b|§", "gh|secret|set|X|--body|§", "cf|auth|a|§",
		"terraform|apply|-var|db_password=§", "terraform|apply|-var=db_password=§", "ansible-playbook|-e|ansible_become_pass=§",
		"ansible-playbook|-e|{\"ansible_password\": \"§\"}", "git|clone|https://a:§@github.com/x/y", "git|clone|https://§@github.com/x/y",
		"git|-c|http.extraheader=Authorization: Basic §|fetch", "npm|config|set|//r/:_authToken|§", "npm|config|set|//r/:_authToken=§", "twine|upload|-p|§|x", "pip|install|-i|https://a:§@r/simple",
		"app|--connection-string|Endpoint=sb://x/;SharedAccessKey=§",
		// the host's
		"openssl|enc|-k|§", "openssl|req|-passout|pass:§", "openssl|rsa|-passin|pass:§", "openssl|enc|-pass|pass:§", "openssl|passwd|-1|§", "openssl|dgst|-hmac|§",
		"ldapsearch|-D|cn=a|-w|§", "smbclient|-U|user%§|//h/s", "mount|-t|cifs|-o|username=a,password=§,vers=3", "htpasswd|-bc|f|user|§", "useradd|-p|§|x",
		"7z|x|-p§|a.7z", "zip|-P|§|a.zip", "unzip|-P§|a.zip", "gpg|--passphrase|§", "ssh-keygen|-N|§", "keytool|-storepass|§", "keytool|-keypass|§",
		"ipmitool|-U|a|-P|§", "snmpwalk|-v2c|-c|§|h", "nmcli|dev|wifi|connect|x|password|§", "wpa_passphrase|net|§", "xfreerdp|/u:a|/p:§", "mosquitto_pub|-P|§", //nolint:misspell // its name

		"rabbitmqctl|add_user|a|§", "smbclient|--password=§", "expect|-c|send \"x\"; set password \"§\"",
		// options and forms of any program
		"app|--password|§", "app|--password=§", "app|-password|§", "app|--db-password|§", "app|--dbPassword=§", "app|--api-key|§", "app|--apiKey=§", "app|--auth-token|§",
		"app|--secret=§", "app|--client-secret|§", "app|--password|-§", "app|PASSWORD=§", "app|password: §", "app|passwd:§", "app|secret = §", "app|--private-key|§", "app|access_key=§",
		"app|Proxy-Authorization: Basic §", "app|Set-Cookie: a=§", "app|{'token': '§'}", "app|{\"a\":{\"b\":{\"secretKey\":\"§\"}}}", "app|[\"--password\",\"§\"]", "app|x\nAuthorization: §\ny",
		"app|--password=a §", "app|--password=a,§", "app|--password=a&§", "app|password => §", "app|token=\\\"§\\\"", "app|-----BEGIN RSA PRIVATE KEY-----\n§\n-----END RSA PRIVATE KEY-----",
		"app|-----BEGIN PRIVATE KEY-----\n§", "app|amqp://a:§@mq/vhost", "app|redis://:§@h", "app|ldap://a:pa/§@h", "app|mongodb://a:§@h1:1,h2:2/db",
	}
}

// arguments puts the secret into a command.
func arguments(command, secret string) []string {
	args := strings.Split(strings.ReplaceAll(command, `\|`, "\x00"), "|")
	for i := range args {
		args[i] = strings.ReplaceAll(strings.ReplaceAll(args[i], "\x00", "|"), "§", secret)
	}
	return args
}

func TestSecretsInCommandLinesAreHidden(t *testing.T) {
	r := redactor(t)
	for _, command := range commands() {
		for _, secret := range []string{"hunter2x", "Tr0ub4dor", "1234567", "c0rrect.h0rse-battery"} {
			args := arguments(command, secret)
			require.Contains(t, strings.Join(args, " "), secret, "the case has a secret: %s", command)
			assert.NotContains(t, strings.Join(r.Args(args, false), " "), secret, "%q", args)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	r := redactor(t)
	for _, command := range []string{
		"/bin/sh|-c|exit 7", "app|--verbose", "app|http://localhost:8080/a@b", "docker|run|-p|80:80|nginx:1.25@sha256:0a1b2c3d4e5f", "mysql|-u|root|-p|shop",
		"app|--token-file|/run/token", "docker|login|--password-stdin", "app|--max-tokens|4096", "app|--password-file=/run/secrets/db", "git|clone|git@github.com:a/b.git",
		"curl|-sS|-X|POST|http://shop:8080/order?id=7&page=2", "docker|run|-v|/run/secrets:/run/secrets:ro|x", "postgres://db:5432/x", "rsync|-av|user@host:/a|/b",
		"java|-XX:MaxRAMPercentage=75.0|-jar|/opt/app.jar", "kubectl|-n|shop|get|pods|-o|wide", "app|--secret-name|db", "npm|run|start:prod", "python3|-m|http.server|8000",
		"gcc|-DNDEBUG|-O2|-c|a.c", "app|0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d", "app|6b54a1f2-0c7d-4e2a-9c11-2f8f0c3f4a55", "app|--no-password|db",
		"app|http://[::1]:8080/x", "ps|-ef", "grep|-p|x", "ssh|-p|2222|host", "mkdir|-p|/a/b", "redis-cli|-h|db|-p|6379|ping", "psql|-h|db|-p|5432|-U|a", "find|/|-name|*.go",
	} {
		args := strings.Split(command, "|")
		assert.Equal(t, args, r.Args(args, false))
	}
}

func TestWhatSurroundsASecretStays(t *testing.T) {
	r := redactor(t)
	for command, want := range map[string]string{
		"app|--password=x y":                              "app|--password=***",
		"curl|-u|a:b|http://h/":                           "curl|-u|***|http://h/",
		"curl|http://h/?a=1&token=x&b=2#c":                "curl|http://h/?a=1&token=***&b=2#c",
		"psql|postgres://shop:s3cret@db:5432/x":           "psql|postgres://shop:***@db:5432/x",
		"psql|host=db password=x dbname=y":                "psql|host=db password=*** dbname=y",
		"curl|-H|Authorization: Bearer x":                 "curl|-H|Authorization: Bearer ***",
		"curl|-H|X-Api-Key: x|-d|{\"a\":1}":               "curl|-H|X-Api-Key: ***|-d|{\"a\":1}",
		"app|{\"user\":\"a\",\"password\":\"b\",\"c\":1}": "app|{\"user\":\"a\",\"password\":***,\"c\":1}",
		"bash|-c|mysql --password x -e y":                 "bash|-c|mysql --password *** -e y",
		"mysql|-uroot|-px|shop":                           "mysql|-uroot|-p***|shop",
		"app|--token|x|--verbose":                         "app|--token|***|--verbose",
	} {
		assert.Equal(t, strings.Split(want, "|"), r.Args(strings.Split(command, "|"), false))
	}
}

func TestFormsOfKeys(t *testing.T) {
	r := redactor(t)
	for _, key := range []string{
		"AKIAIOSFODNN7" + "EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY", "ghp_" + strings.Repeat("a1B2", 9), "glpat-" + strings.Repeat("x", 20),
		"xoxb-" + strings.Repeat("1", 12) + "-abc", "sk_live_" + strings.Repeat("4e", 12), "AIza" + strings.Repeat("Sy0", 12),
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N", "npm_" + strings.Repeat("q7", 18), "Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0LzXcVb",
	} {
		for _, command := range []string{"app|" + key, "app|-x|" + key, "bash|-c|app " + key + " x", "app|x=" + key, "app|'" + key + "'"} {
			assert.NotContains(t, strings.Join(r.Args(strings.Split(command, "|"), false), " "), key)
		}
	}
}

func TestAnArgumentThatWasCut(t *testing.T) {
	r := redactor(t)
	assert.Equal(t, []string{"app", "postgres://shop:***"}, r.Args([]string{"app", "postgres://shop:12"}, true))
	assert.Equal(t, []string{"app", "postgres://shop:12"}, r.Args([]string{"app", "postgres://shop:12"}, false), "a port")
	assert.Equal(t, []string{"app", `{"password":***`}, r.Args([]string{"app", `{"password":"hunt`}, true))
}

func TestConfiguredExpressions(t *testing.T) {
	r := redactor(t, `--pin=([0-9]+)`, `card-[0-9]+`)
	assert.Equal(t, []string{"app", "--pin", "***", "--pin=***", "x***y", "***"}, r.Args([]string{"app", "--pin", "1234", "--pin=99", "xcard-1y", "card-2"}, false))
	_, err := New([]string{"("})
	assert.Error(t, err)
}

// FuzzArgs looks for a secret that is shown, whatever stands around it.
func FuzzArgs(f *testing.F) {
	for i := range commands() {
		f.Add(uint16(i), "hunter2x", "--verbose", true)
	}
	f.Fuzz(func(t *testing.T, of uint16, secret, around string, before bool) {
		r := redactor(t)
		command := commands()[int(of)%len(commands())]
		args := arguments(command, "hunter2x"+word1(secret))
		if before && !strings.HasPrefix(around, "-") {
			args = append([]string{around}, args...)
		} else {
			args = append(args, around)
		}
		told := r.Args(args, false)
		assert.Len(t, told, len(args))
		for i, arg := range told {
			if args[i] != around {
				assert.NotContains(t, arg, "hunter2x", "%q", args)
			}
		}
		assert.Len(t, r.Args([]string{secret, around}, true), 2)
	})
}

// word1 keeps what a secret may have anywhere: no spaces, quotes or separators.
func word1(text string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && (letter(byte(c)) || digit(byte(c)) || strings.ContainsRune("_.+!*%^~", c)) {
			return c
		}
		return -1
	}, text)
}

func BenchmarkArgs(b *testing.B) {
	r := redactor(b)
	args := []string{"/usr/bin/java", "-Xmx512m", "-Dserver.port=8080", "-cp", "/opt/app/lib/a.jar:/opt/app/lib/b.jar", "com.example.Shop", "--spring.profiles.active=prod"}
	for b.Loop() {
		r.Args(args, false)
	}
}
