package main

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryOptionIsDocumented(t *testing.T) {
	page := read(t, filepath.Join(root, "docs", "operating.md"))
	var c server.Config
	var demo bool
	options := map[string]bool{}
	serveOptions(&c, &demo, io.Discard).VisitAll(func(f *flag.Flag) {
		options[f.Name] = true
		if !strings.Contains(page, "| `--"+f.Name+"` |") {
			t.Errorf("docs/operating.md has no row for --%s", f.Name)
		}
	})
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\|").FindAllStringSubmatch(page, -1) {
		if !options[row[1]] {
			t.Errorf("docs/operating.md describes --%s, which does not exist", row[1])
		}
	}
}

func TestEveryCommandIsDocumented(t *testing.T) {
	page := read(t, filepath.Join(root, "docs", "operating.md"))
	for _, c := range commands {
		if !strings.Contains(page, "housecall "+c.name) {
			t.Errorf("docs/operating.md doesn't mention `housecall %s`", c.name)
		}
	}
}

var madeTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// TestEveryTableSaysHowLongItsRowsStay: who adds a table says in docs/operating.md who deletes from it, and when.
func TestEveryTableSaysHowLongItsRowsStay(t *testing.T) {
	_, section, _ := strings.Cut(read(t, filepath.Join(root, "docs", "operating.md")), "\n## Retention\n")
	section, _, _ = strings.Cut(section, "\n## ")
	said := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(section, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			said[strings.Trim(name, "`")]++
		}
	}
	for _, schema := range server.Schemas(modules...) {
		files, err := fs.Glob(schema.Files, "*.sql")
		if err != nil || len(files) == 0 {
			t.Fatal(schema.Name, files, err)
		}
		for _, name := range files {
			b, err := fs.ReadFile(schema.Files, name)
			if err != nil {
				t.Fatal(err)
			}
			up, _, _ := strings.Cut(string(b), "-- +goose Down")
			for _, made := range madeTable.FindAllStringSubmatch(up, -1) {
				if said[made[1]] != 1 {
					t.Errorf("docs/operating.md says %d times how long rows of %s stay", said[made[1]], made[1])
				}
				delete(said, made[1])
			}
		}
	}
	for name := range said {
		t.Errorf("docs/operating.md says how long rows of %s stay, which is no table", name)
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// TestLinksOfTheDocsResolve looks at links to files; those to other sites are not asked.
func TestLinksOfTheDocsResolve(t *testing.T) {
	pages := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		pages++
		for _, link := range markdownLink.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, link[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 5 {
		t.Errorf("only %d pages found: is %s the root?", pages, root)
	}
}

// TestDeployedMetricsExist: every metric of ours that alerts and dashboard name is described for operators; that those exist, a test of the server shows.
func TestDeployedMetricsExist(t *testing.T) {
	page := read(t, filepath.Join(root, "docs", "operating.md"))
	for _, file := range []string{"prometheus/alerts.yml", "grafana/housecall.json"} {
		names := regexp.MustCompile(`housecall_[a-z_]+`).FindAllString(read(t, filepath.Join(root, "deploy", file)), -1)
		if len(names) < 5 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for _, name := range names {
			if !strings.Contains(page, "| `"+strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s asks for %s, which docs/operating.md does not describe", file, name)
			}
		}
	}
}

// TestDeployedOptionsExist: what is set in the environment of deployed servers are options of ours.
func TestDeployedOptionsExist(t *testing.T) {
	var c server.Config
	var demo bool
	options := map[string]bool{}
	serveOptions(&c, &demo, io.Discard).VisitAll(func(f *flag.Flag) { options[envName(f.Name)] = true })
	for _, file := range []string{"docker-compose.yml", "deploy/kubernetes/housecall.yaml", "deploy/Dockerfile"} {
		names := regexp.MustCompile(`HOUSECALL_[A-Z_]+`).FindAllString(read(t, filepath.Join(root, file)), -1)
		if len(names) == 0 {
			t.Errorf("%s sets no option", file)
		}
		for _, name := range names {
			if !options[name] {
				t.Errorf("%s sets %s, which is no option", file, name)
			}
		}
	}
}

// TestDeployedVolumesAreTheServers: a volume gets its owner from the folder of the image that it is mounted at, and the server is not root.
func TestDeployedVolumesAreTheServers(t *testing.T) {
	image := read(t, filepath.Join(root, "deploy", "Dockerfile"))
	user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(image)
	node, _, _ := strings.Cut(read(t, filepath.Join(root, "docker-compose.yml")), "\nservices:")
	mounts := regexp.MustCompile(`(?m)^ +- [a-z]+:(/\S+)`).FindAllStringSubmatch(node, -1)
	if len(user) == 0 || len(mounts) == 0 {
		t.Fatalf("user %q, volumes %q", user, mounts)
	}
	for _, mount := range mounts {
		if made := "--chown=" + user[1] + " " + mount[1] + " " + mount[1] + "\n"; !strings.Contains(image, made) {
			t.Errorf("docker-compose.yml mounts a volume at %s, which deploy/Dockerfile does not give to %s", mount[1], user[1])
		}
	}
}

// TestUnitNeverGivesUp: by default systemd starts a service that ends at once five times, and then no more; a database may be away for longer.
func TestUnitNeverGivesUp(t *testing.T) {
	unit := read(t, filepath.Join(root, "deploy", "systemd", "housecall.service"))
	for _, line := range []string{"Restart=always", "StartLimitIntervalSec=0"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the systemd unit does not say %s", line)
		}
	}
}
