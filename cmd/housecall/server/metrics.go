package server

import (
	"runtime"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"housecall/platform/web"
	"housecall/rooms"
	"housecall/sfu"
	"housecall/signaling"
)

// requests counts what is asked over HTTP, and how long answers took.
type requests struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newRequests(registry *prometheus.Registry) requests {
	r := requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "housecall_http_requests_total",
			Help: "Requests answered, by route, method and status."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "housecall_http_request_seconds",
			Help: "Time to answer, by route; websockets, which last, are left out.", Buckets: []float64{.005, .025, .1, .5, 1, 2.5, 10}}, []string{"route"}),
	}
	registry.MustRegister(r.total, r.seconds)
	return r
}

func (r requests) observe(a web.Answered) {
	r.total.WithLabelValues(a.Route, a.Method, strconv.Itoa(a.Status)).Inc()
	if a.Status != 101 {
		r.seconds.WithLabelValues(a.Route).Observe(a.Took.Seconds())
	}
}

// metrics reads what the parts of the server count, whenever somebody asks. docs/operating.md describes each.
type metrics struct {
	engine  *sfu.Engine
	host    *rooms.Host
	sockets *signaling.Handler
	events  *eventQueue
	health  health
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "housecall_build_info", Help: "1, with the version as a label.",
			ConstLabels: prometheus.Labels{"version": Version, "go": runtime.Version()}}, func() float64 { return 1 }))
	return registry
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("housecall_"+name, help, labels, nil)
}

var (
	descUp          = describe("up", "1 while a part that the server needs answers: database, redis.", "part")
	descRooms       = describe("rooms", "Visits that live on this node now.")
	descPeople      = describe("people", "People in those visits, by place: waiting, visit.", "place")
	descConnections = describe("websockets", "Open websockets, by whether their holder is known.", "known")
	descAttending   = describe("participants", "People who are connected, or whose lost connection is waited for.")
	descEvents      = describe("events_queued", "What happened in visits and is not in the database yet.")
	descPeers       = describe("peers", "Media connections, by whether they are up.", "connected")
	descRoundTrip   = describe("media_round_trip_seconds", "Round trip to the peers that are connected now.", "quantile")
	descPackets     = describe("media_packets_total", "RTP packets, each counted once.", "direction", "kind")
	descBytes       = describe("media_bytes_total", "Bytes of their payload.", "direction", "kind")
	descRepaired    = describe("media_repaired_packets_total", "RTP packets that came by retransmission (in), or were sent again (out).", "direction", "kind")
	descNacks       = describe("media_nacks_total", "Packets asked for again: by us (in), of us (out).", "direction", "kind")
	descLost        = describe("media_lost_packets_total", "Packets from publishers that never came though asked for.", "kind")
	descKeyFrames   = describe("media_key_frame_requests_total", "Key frames asked for: by us (in), of us (out).", "direction")
)

// Describe implements prometheus.Collector.
func (m metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descUp, descRooms, descPeople, descConnections, descAttending, descEvents, descPeers, descRoundTrip, descPackets,
		descBytes, descRepaired, descNacks, descLost, descKeyFrames} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for part, err := range m.health.parts() {
		up := 1
		if err != nil {
			up = 0
		}
		gauge(descUp, up, part)
	}
	census := m.host.Census()
	gauge(descRooms, census.Rooms)
	gauge(descPeople, census.Waiting, "waiting")
	gauge(descPeople, census.InVisit, "visit")
	sockets := m.sockets.Census()
	gauge(descConnections, sockets.Strangers, "no")
	gauge(descConnections, sockets.Connections-sockets.Strangers, "yes")
	gauge(descAttending, sockets.Participants)
	gauge(descEvents, m.events.length())
	m.media(out)
}

func (m metrics) media(out chan<- prometheus.Metric) {
	total := m.engine.Totals()
	for connected, n := range map[string]int{"yes": total.Connected, "no": total.Peers - total.Connected} {
		out <- prometheus.MustNewConstMetric(descPeers, prometheus.GaugeValue, float64(n), connected)
	}
	if trips := total.RoundTrips; len(trips) > 0 {
		slices.Sort(trips)
		for _, q := range []struct {
			label string
			share float64
		}{{"0.5", .5}, {"0.95", .95}, {"1", 1}} {
			out <- prometheus.MustNewConstMetric(descRoundTrip, prometheus.GaugeValue, trips[int(q.share*float64(len(trips)-1))], q.label)
		}
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for kind, t := range map[string]sfu.Traffic{"audio": total.Audio, "video": total.Video} {
		count(descPackets, t.Received.Packets, "in", kind)
		count(descPackets, t.Sent.Packets, "out", kind)
		count(descBytes, t.Received.Bytes, "in", kind)
		count(descBytes, t.Sent.Bytes, "out", kind)
		count(descRepaired, t.Received.Repaired, "in", kind)
		count(descRepaired, t.Sent.Retransmissions, "out", kind)
		count(descNacks, t.Received.NacksSent, "in", kind)
		count(descNacks, t.Sent.NacksReceived, "out", kind)
		count(descLost, t.Received.GivenUp, kind)
	}
	count(descKeyFrames, total.Video.Received.KeyFrameRequests, "in")
	count(descKeyFrames, total.Video.Sent.KeyFrameRequests, "out")
}
