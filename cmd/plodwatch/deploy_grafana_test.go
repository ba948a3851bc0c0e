package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// panel is a panel of a dashboard.
type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ H, W, X, Y int }
	Datasource  sourceRef
	Targets     []grafanaTarget
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
		}
	}
}

type sourceRef struct{ Type, UID string }

// grafanaTarget is a query of a panel or of an alert rule.
type grafanaTarget struct {
	RefID      string
	Datasource sourceRef
	Format     *int
	RawSQL     string `json:"rawSql" yaml:"rawSql"`
	Expr       string
}

// variable is a template variable of a dashboard.
type variable struct {
	Name, Query string
	Multi       bool
	Datasource  sourceRef
}

type dashboard struct {
	UID, Title, Description string
	SchemaVersion           int
	Time                    struct{ From, To string }
	Links                   []struct{ URL string }
	Templating              struct{ List []variable }
	Panels                  []panel
}

// alertRule is a rule of Grafana's.
type alertRule struct {
	UID, Title, Condition string
	NoDataState           string            `yaml:"noDataState"`
	Annotations           map[string]string `yaml:"annotations"`
	Data                  []struct {
		RefID         string        `yaml:"refId"`
		DatasourceUID string        `yaml:"datasourceUid"`
		Model         grafanaTarget `yaml:"model"`
		Window        struct {
			From int
		} `yaml:"relativeTimeRange"`
	}
}

// dashboards returns those that are shipped.
func dashboards(t *testing.T) []dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deployDir, "grafana", "dashboards", "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d dashboards: %v", len(files), err)
	}
	var all []dashboard
	for _, f := range files {
		var d dashboard
		if err := json.Unmarshal([]byte(deployText(t, filepath.Join("grafana", "dashboards", filepath.Base(f)))), &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, d)
	}
	return all
}

// alertRules returns the shipped rules.
func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Groups     []struct {
			Name, Folder, Interval string
			Rules                  []alertRule
		}
	}
	if err := yaml.Unmarshal([]byte(deployText(t, "grafana/provisioning/alerting/plodwatch.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []alertRule
	for _, g := range file.Groups {
		if g.Name == "" || g.Folder == "" || g.Interval == "" {
			t.Errorf("group %+v", g)
		}
		all = append(all, g.Rules...)
	}
	if file.APIVersion != 1 || len(all) < 4 {
		t.Fatalf("version %d, %d rules", file.APIVersion, len(all))
	}
	return all
}

// sources returns the types of the provisioned data sources by their uid.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range documents(t, "grafana/provisioning/datasources/plodwatch.yaml")[0].objects("datasources") {
		if all[s.text("uid")] != "" || s.text("uid") == "" {
			t.Errorf("data source %s: uid %q", s.text("name"), s.text("uid"))
		}
		all[s.text("uid")] = s.text("type")
	}
	return all
}

// TestDeployGrafanaDashboards: every panel asks something of a data source that
// is there, says what it shows and in which unit, and covers no other.
func TestDeployGrafanaDashboards(t *testing.T) {
	known := sources(t)
	uids := map[string]bool{}
	all := dashboards(t)
	for i := range all {
		if uids[all[i].UID] {
			t.Errorf("two dashboards have the uid %s", all[i].UID)
		}
		uids[all[i].UID] = true
	}
	links := regexp.MustCompile(`/d/([a-z0-9-]+)`)
	for i := range all {
		d := &all[i]
		t.Run(d.UID, func(t *testing.T) {
			if d.UID == "" || d.Title == "" || d.Description == "" || d.SchemaVersion < 39 || d.Time.From == "" || d.Time.To == "" {
				t.Errorf("%q %q %d %v", d.Title, d.Description, d.SchemaVersion, d.Time)
			}
			for _, l := range d.Links {
				if m := links.FindStringSubmatch(l.URL); m == nil || !uids[m[1]] {
					t.Errorf("links to %s, which is not there", l.URL)
				}
			}
			for _, v := range d.Templating.List {
				checkSource(t, known, v.Datasource)
			}
			ids := map[int]string{}
			for j := range d.Panels {
				p := &d.Panels[j]
				if ids[p.ID] != "" {
					t.Errorf("%q and %q have the id %d", ids[p.ID], p.Title, p.ID)
				}
				ids[p.ID] = p.Title
				p.check(t, known)
				for k := range j {
					if p.covers(&d.Panels[k]) {
						t.Errorf("%q lies over %q", p.Title, d.Panels[k].Title)
					}
				}
			}
		})
	}
}

func checkSource(t *testing.T, known map[string]string, s sourceRef) {
	t.Helper()
	if s.UID == "" || known[s.UID] != s.Type {
		t.Errorf("no data source %+v", s)
	}
}

func (p *panel) covers(q *panel) bool {
	a, b := p.GridPos, q.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

// grafanaUnits are Grafana's names of the units that are used.
func grafanaUnits() []string {
	return []string{"none", "short", "percentunit", "percent", "h", "m", "s", "ops", "reqps", "bytes"}
}

func (p *panel) check(t *testing.T, known map[string]string) {
	t.Helper()
	g := p.GridPos
	if p.Title == "" || g.H < 1 || g.W < 1 || g.X < 0 || g.X+g.W > 24 || g.Y < 0 {
		t.Errorf("panel %d %q lies at %+v", p.ID, p.Title, g)
	}
	if p.Type == "row" {
		return
	}
	if len(p.Description) < 20 || len(p.Targets) == 0 {
		t.Errorf("%q: description %q, %d queries", p.Title, p.Description, len(p.Targets))
	}
	unit := p.FieldConfig.Defaults.Unit
	if !slices.Contains(grafanaUnits(), unit) && !strings.HasPrefix(unit, "suffix: ") {
		t.Errorf("%q: unit %q", p.Title, unit)
	}
	steps := p.FieldConfig.Defaults.Thresholds.Steps
	for i := range steps {
		if (i == 0) != (steps[i].Value == nil) || i > 1 && *steps[i].Value <= *steps[i-1].Value || steps[i].Color == "" {
			t.Errorf("%q: thresholds are not in order", p.Title)
		}
	}
	checkSource(t, known, p.Datasource)
	refs := map[string]bool{}
	for _, q := range p.Targets {
		checkSource(t, known, q.Datasource)
		if refs[q.RefID] || q.RefID == "" || q.Datasource != p.Datasource {
			t.Errorf("%q: query %q of %+v", p.Title, q.RefID, q.Datasource)
		}
		refs[q.RefID] = true
		if (q.RawSQL == "") == (q.Expr == "") || q.RawSQL != "" && (q.Format == nil || (*q.Format == 0) != (p.Type == "timeseries")) {
			t.Errorf("%q: asks %+v", p.Title, q)
		}
	}
}

// TestDeployGrafanaIsMounted: the compose file gives Grafana and Prometheus what
// their files name: variables, folders, names of services and the secret.
func TestDeployGrafanaIsMounted(t *testing.T) {
	c := documents(t, "compose.scaled.yaml")[0]
	env := c.object("services", "grafana", "environment")
	for _, v := range regexp.MustCompile(`\$([A-Z_]+)`).FindAllStringSubmatch(deployText(t, "grafana/provisioning/datasources/plodwatch.yaml"), -1) {
		if env[v[1]] == nil {
			t.Errorf("Grafana does not get %s", v[1])
		}
	}
	mounts := strings.Join(c.texts("services", "grafana", "volumes"), "\n")
	path := documents(t, "grafana/provisioning/dashboards/plodwatch.yaml")[0].objects("providers")[0].text("options", "path")
	if !strings.Contains(mounts, "./grafana/dashboards:"+path+":") || !strings.Contains(mounts, "./grafana/provisioning:/etc/grafana/provisioning:") {
		t.Errorf("Grafana finds no dashboards at %s:\n%s", path, mounts)
	}
	for _, job := range documents(t, "prometheus/prometheus.yml")[0].objects("scrape_configs") {
		secret := filepath.Base(job.text("authorization", "credentials_file"))
		if !slices.Contains(c.texts("services", "prometheus", "secrets"), secret) || c.object("secrets", secret) == nil {
			t.Errorf("Prometheus does not get the secret %s", secret)
		}
		for _, dns := range job.objects("dns_sd_configs") {
			name := dns.texts("names")[0]
			if args := c.texts("services", name, "command"); !slices.Contains(args, "0.0.0.0:"+dns.text("port")) {
				t.Errorf("Prometheus asks %s at port %s, which starts with %v", name, dns.text("port"), args)
			}
			tokens := c.text("services", name, "environment", "PLODWATCH_TOKENS")
			if mounted := strings.Join(c.texts("services", name, "volumes"), " "); name != "gate" && !strings.Contains(mounted, filepath.Dir(tokens)+":ro") {
				t.Errorf("%s does not know the tokens at %q: %s", name, tokens, mounted)
			}
		}
	}
}

// TestDeployGrafanaAlerts: every rule asks a source that is there, has a
// condition that is one of its steps, and says what to do.
func TestDeployGrafanaAlerts(t *testing.T) {
	known := sources(t)
	uids := map[string]bool{}
	for _, r := range alertRules(t) {
		if uids[r.UID] || r.UID == "" || len(r.UID) > 40 || r.Title == "" {
			t.Errorf("rule %q %q", r.UID, r.Title)
		}
		uids[r.UID] = true
		steps := map[string]bool{}
		for _, d := range r.Data {
			steps[d.RefID] = true
			if d.DatasourceUID != "__expr__" && known[d.DatasourceUID] == "" {
				t.Errorf("%s: no data source %s", r.UID, d.DatasourceUID)
			}
			if d.DatasourceUID != "__expr__" && (d.Model.RawSQL == "") == (d.Model.Expr == "") {
				t.Errorf("%s asks nothing", r.UID)
			}
		}
		if !steps[r.Condition] || r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.NoDataState == "" {
			t.Errorf("%s: condition %s of %v, %v", r.UID, r.Condition, steps, r.Annotations)
		}
	}
}

// TestEndToEndGrafana: every query of the dashboards and of the alerts, with
// the macros of the plug-in expanded, is answered with rows by a daemon that
// holds two years of an athlete.
func TestEndToEndGrafana(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.do(exitOK, "athlete", "set", "me", "--max-hr", "188", "--rest-hr", "48", "--sex", "male", "--time-zone", "Europe/Zurich")
	l.imports(exitOK, l.folder)
	l.do(exitOK, "import", "--athlete", "lena", ofLena())
	l.writesDown()
	d, address := l.upSQL()
	first := l.season.Sessions[0].Day
	last := l.season.Sessions[len(l.season.Sessions)-1].Day
	g := &grafana{from: first, to: last.AddDate(0, 0, 1), variables: map[string][]string{"athlete": {"me"}, "athletes": {"me", "lena"}}}
	ask := func(t *testing.T, what, sql string) []string {
		t.Helper()
		expanded, err := g.expand(sql)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return nil
		}
		// As the plug-in sends it, and read as rows.
		status, _, body := sqlAsk(t, "POST", address+"/?database=plodwatch&default_format=JSONCompactEachRow&max_execution_time=30", expanded, nil)
		rows := strings.Split(strings.TrimSpace(body), "\n")
		if status != 200 || body == "" {
			t.Errorf("%s: %d %.400s\n%s", what, status, body, expanded)
			return nil
		}
		return rows
	}
	for _, board := range dashboards(t) {
		t.Run(board.UID, func(t *testing.T) {
			for _, v := range board.Templating.List {
				rows := ask(t, "variable "+v.Name, v.Query)
				if v.Name == "sport" {
					g.variables[v.Name] = nil
					for _, r := range rows {
						g.variables[v.Name] = append(g.variables[v.Name], strings.Trim(r, `[]"`))
					}
				}
			}
			for i := range board.Panels {
				for _, q := range board.Panels[i].Targets {
					if q.RawSQL != "" {
						ask(t, board.Panels[i].Title, q.RawSQL)
					}
				}
			}
		})
	}
	for _, r := range alertRules(t) {
		for _, q := range r.Data {
			if q.Model.RawSQL == "" {
				continue
			}
			for _, row := range ask(t, r.UID, q.Model.RawSQL) {
				var cells []any
				if err := json.Unmarshal([]byte(row), &cells); err != nil || len(cells) != 2 || !strings.Contains(fmt.Sprintf("%T", cells[0]), "string") {
					t.Errorf("%s: an alert needs a name and one number, not %s", r.UID, row)
				}
			}
		}
	}
	d.stop(os.Interrupt)
}

// TestGrafanaMacros: the expander knows what the plug-in documents, and fails
// on the rest.
func TestGrafanaMacros(t *testing.T) {
	g := &grafana{variables: map[string][]string{"a": {"it's", "b"}}}
	for _, sql := range []string{"SELECT $__nosuch(x)", "SELECT $__timeFilter(a, b)", "SELECT $__timeFilter", "SELECT ${b}", "SELECT ${a:nosuch}", "SELECT ${a}", "SELECT $a", "SELECT $__timeFilter(a"} {
		if got, err := g.expand(sql); !errors.Is(err, errMacro) {
			t.Errorf("%s becomes %s", sql, got)
		}
	}
	if got, err := g.expand("x IN (${a:sqlstring}) AND $__dateFilter(f(d, 1))"); err != nil ||
		got != "x IN ('it''s','b') AND f(d, 1) >= toDate('0001-01-01') AND f(d, 1) <= toDate('0001-01-01')" {
		t.Errorf("%s %v", got, err)
	}
}
