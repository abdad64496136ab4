//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProgramsOfInterpreters(t *testing.T) {
	for _, c := range []struct{ executable, command, want string }{
		{"python3.11", "python3 /opt/billing.py --port 80", "billing.py"},
		{"python3.11", "python3 -u -X dev billing.py", "billing.py"},
		{"python3.11", "python3 app.py", "shop/app.py"},
		{"python3.11", "python3 /srv/payments/app.py", "payments/app.py"},
		{"python3.11", "python3 /srv/payments/src/main.py", "payments/main.py"},
		{"python3.11", "python3 manage.py runserver", "shop/manage.py"},
		{"python3.11", "python3 -m billing.worker -x", "billing.worker"},
		{"python3.11", "python3 -um http.server 80", "http.server"},
		{"python3.11", "python3 -c print(1)", "python3.11"},
		{"python3.11", "python3", "python3.11"},
		{"python3.11", "python3 -", "python3.11"},
		{"python3.11", "/usr/bin/python3 /usr/bin/gunicorn -w 4 -b 0:80 billing.wsgi:application", "billing.wsgi"},
		{"python3.11", "/usr/bin/python3 /usr/bin/gunicorn app:app", "shop/app"},
		{"python3.11", "/usr/bin/python3 /usr/bin/uvicorn orders:api --host 0.0.0.0", "orders"},
		{"python3.11", "python3 -m uvicorn orders:api --port 80", "orders"},
		{"python3.11", "python3 /usr/bin/celery -A billing worker", "billing"},
		{"python3.11", "python3 -m flask --app hello run", "hello"},
		{"python3.11", "python3 /usr/bin/opentelemetry-instrument gunicorn orders:app", "orders"},
		{"node", "node /srv/cart/server.js", "cart/server.js"},
		{"node", "node --inspect=0 -r ./tracing.js checkout.js", "checkout.js"},
		{"node", "node --require ./tracing.js --import x checkout.mjs", "checkout.mjs"},
		{"node", "node .", "shop"},
		{"node", "node -e 1", "node"},
		{"node", "npm|start", "shop/npm start"},
		{"node", "npm start", "shop/npm start"},
		{"node", "node /usr/bin/npm start", "shop/npm start"},
		{"node", "node /usr/share/nodejs/npm/bin/npm-cli.js run dev --x", "shop/npm run dev"},
		{"node", "node /srv/x/node_modules/.bin/next start", "shop/next"},
		{"node", "node /srv/x/node_modules/.bin/ts-node src/cart.ts", "cart.ts"},
		{"java", "java -Xmx1g -jar /opt/billing-1.4.2.jar --x", "billing.jar"},
		{"java", "java -cp a.jar:b.jar -Dx=y com.example.Billing a", "com.example.Billing"},
		{"java", "java -Dspring.application.name=orders -jar /app/app.jar", "orders"},
		{"java", "java -jar /srv/pay/app.jar", "pay/app.jar"},
		{"java", "java -m shop/com.example.Shop", "shop/com.example.Shop"},
		{"java", "java -cp . Main", "shop/Main"},
		{"java", "java -version", "java"},
		{"ruby3.1", "ruby billing.rb", "billing.rb"},
		{"ruby3.1", "ruby /usr/bin/puma -C config/puma.rb", "shop/puma"},
		{"ruby3.1", "ruby -e 1", "ruby3.1"},
		{"php8.2", "php /srv/a/billing.php", "billing.php"},
		{"php8.2", "php artisan queue:work", "shop/artisan"},
		{"php8.2", "php -S 0:80 -t /srv/blog", "blog"},
		{"php8.2", "php -r echo;", "php8.2"},
		{"perl", "perl -w /opt/report.pl", "report.pl"},
		{"perl", "perl -e 1", "perl"},
		{"bash", "bash -e /opt/backup.sh now", "backup.sh"},
		{"dash", "/bin/sh ./backup.sh", "backup.sh"},
		{"dash", "sh -c sleep", "dash"},
		{"bash", "-bash", "bash"},
		{"bash", "bash /proc/self/fd/3 -x", "bash"},
		{"python3.11", "python3 /dev/fd/63", "python3.11"},
		{"bash", "bash /dev/stdin", "bash"},
		{"bash", "bash -o pipefail backup.sh", "backup.sh"},
		{"busybox", "/bin/sh /opt/backup.sh", "backup.sh"},
		{"busybox", "httpd -f", "httpd"},
		{"redis-check-rdb", "/usr/bin/redis-server /etc/redis.conf", "redis-server"},
		{"dotnet", "dotnet /app/Billing.dll", "Billing.dll"},
		{"nginx", "nginx: worker process", "nginx"},
		{"postgres", "postgres -D /var/lib", "postgres"},
		{"gunicorn", "gunicorn a:b", "gunicorn"},
	} {
		of := Invocation{Executable: c.executable, Args: strings.Fields(c.command), Folder: func() string { return "/srv/shop" }}
		if strings.Contains(c.command, "|") {
			of.Args = []string{strings.ReplaceAll(c.command, "|", " ")}
		}
		assert.Equal(t, c.want, of.Program(), c.command)
	}
}

func FuzzProgram(f *testing.F) {
	for _, executable := range []string{"python3", "node", "java", "ruby", "php", "perl", "bash", "busybox", "dotnet", "lua"} {
		f.Add(executable, "x -m a\x00b:c", "/srv/a")
	}
	f.Fuzz(func(t *testing.T, executable, args, folder string) {
		of := Invocation{Executable: executable, Args: strings.Split(args, "\x00"), Folder: func() string { return folder }}
		assert.LessOrEqual(t, len(of.Program()), max(len(executable), len(args), 2*maxDeclared))
	})
}

func TestDeclaredServices(t *testing.T) {
	assert.Equal(t, Declared{Name: "gateway"}, DeclaredBy("OTEL_SERVICE_NAME= gateway ", "PASSWORD=x"))
	assert.Equal(t, Declared{Name: "gateway", Namespace: "shop", Version: "1", Instance: "a b"},
		DeclaredBy("OTEL_RESOURCE_ATTRIBUTES=service.name=web,service.namespace=shop,service.version=1,service.instance.id=a%20b,secret=x", "OTEL_SERVICE_NAME=gateway"))
	assert.Equal(t, Declared{}, DeclaredBy("OTEL_SERVICE_NAME=", "OTEL_RESOURCE_ATTRIBUTES=", "X=OTEL_SERVICE_NAME=a"))
	assert.Len(t, DeclaredBy("OTEL_SERVICE_NAME="+strings.Repeat("x", 4096)).Name, maxDeclared)
}

func TestUnitsOfSystemd(t *testing.T) {
	id := strings.Repeat("0a1b2c3d", 8)
	for cgroup, want := range map[string]string{
		"/system.slice/billing.service":                                                        "billing",
		"/system.slice/system-web.slice/web@blue.service":                                      "web@blue",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service":                 "sync",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-term.scope":               "",
		"/user.slice/user-1000.slice/session-3.scope":                                          "",
		`/system.slice/foo\x2dbar.service`:                                                     "foo-bar",
		"/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:" + id: "",
		"/docker/" + id + "/system.slice/nginx.service":                                        "nginx",
		"/": "",
	} {
		place := PlaceOfPath(cgroup)
		assert.Equal(t, want, unitOf(&place), cgroup)
	}
}
