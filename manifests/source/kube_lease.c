// SPDX-License-Identifier: Apache-2.0
// Leader election. Publishing is in kube_publish.c.
#include "manifests/source/kube_lease.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/rng.h"
#include "manifests/text/time.h"

#include <uv.h>

#define RELEASE_DEADLINE_MS 2000

const struct kube_resource kube_leases = {"coordination.k8s.io", "v1", "Lease", "leases", true};

enum election_step { ELECTION_WAIT, ELECTION_GET, ELECTION_WRITE, ELECTION_RELEASE };

struct kube_election {
  struct kube_client *client;
  struct kube_election_options options;
  struct arena arena;  // of the options' strings
  struct arena record; // the Lease as last seen
  struct json *lease;  // NULL: must be read first
  struct buf seen_revision, seen_holder;
  int64_t observed_ms; // steady time at which the record last changed
  int64_t renewed_ms;  // steady time at which our last successful write began
  int64_t write_began_ms;
  struct kube_op op;
  uv_timer_t timer;
  enum election_step step;
  bool leading, closing, timer_open;
  bool failed;            // the last request
  int64_t retry_after_ms; // what the server asked for then
  struct rng rng;
  void (*closed)(void *data);
  void *closed_data;
};

static void look(struct kube_election *election);

// ---- the record ----

static void take_record(struct kube_election *election, const struct kube_reply *reply) {
  arena_dispose(&election->record);
  election->lease = kube_take(reply, &election->record);
  struct str revision = kube_revision(election->lease);
  struct str holder = json_path_string(election->lease, "spec.holderIdentity");
  if (!str_eq(revision, buf_str(&election->seen_revision))) {
    buf_reset(&election->seen_revision);
    buf_add_str(&election->seen_revision, revision);
    election->observed_ms = clock_mono_ms();
  }
  if (str_eq(holder, buf_str(&election->seen_holder)))
    return;
  buf_reset(&election->seen_holder);
  buf_add_str(&election->seen_holder, holder);
  if (election->options.observed && !election->closing)
    election->options.observed(buf_str(&election->seen_holder), election->options.data);
}

static bool is_ours(const struct kube_election *election) {
  return str_eq(json_path_string(election->lease, "spec.holderIdentity"),
                election->options.identity);
}

static bool is_free(const struct kube_election *election) {
  struct str holder = json_path_string(election->lease, "spec.holderIdentity");
  return !holder.len || clock_mono_ms() - election->observed_ms >= election->options.lease_ms;
}

// The Lease as we want it, in `arena`: everything else in it stays.
static struct json *new_record(struct kube_election *election, struct arena *arena) {
  const struct kube_election_options *options = &election->options;
  struct json *lease = election->lease ? json_dup(arena, election->lease) : json_new_object(arena);
  struct json *metadata = json_need_object(arena, lease, "metadata");
  json_put_z(arena, lease, "apiVersion", "coordination.k8s.io/v1");
  json_put_z(arena, lease, "kind", "Lease");
  json_put_string(arena, metadata, "name", options->name);
  json_put_string(arena, metadata, "namespace", options->ns);
  json_remove(metadata, STR("managedFields"));
  struct json *spec = json_need_object(arena, lease, "spec");
  struct str now = time_format_micro(arena, clock_wall_ms());
  if (!election->lease || !is_ours(election)) {
    // A server may leave a 0 out.
    int64_t transitions = json_int(json_get(spec, "leaseTransitions"), election->lease ? 0 : -1);
    json_put_int(arena, spec, "leaseTransitions", transitions + 1);
    json_put_string(arena, spec, "acquireTime", now);
  }
  json_put_string(arena, spec, "holderIdentity", options->identity);
  json_put_int(arena, spec, "leaseDurationSeconds", (options->lease_ms + 999) / 1000);
  json_put_string(arena, spec, "renewTime", now);
  return lease;
}

// ---- leading ----

static void lead(struct kube_election *election) {
  if (election->leading || election->closing)
    return;
  election->leading = true;
  election->options.started(election->options.data);
}

static void step_down(struct kube_election *election) {
  if (!election->leading)
    return;
  election->leading = false;
  if (!election->closing)
    election->options.stopped(election->options.data);
}

static int64_t lead_left_ms(const struct kube_election *election) {
  return election->renewed_ms + election->options.renew_deadline_ms - clock_mono_ms();
}

// ---- steps ----

static void on_timer(uv_timer_t *timer) {
  look(container_of(timer, struct kube_election, timer));
}

static void wait_turn(struct kube_election *election) {
  election->step = ELECTION_WAIT;
  if (election->leading && lead_left_ms(election) <= 0)
    step_down(election);
  if (election->closing)
    return;
  int64_t ms = election->options.retry_ms;
  bool waits_for_it = !election->leading && !election->failed;
  if (waits_for_it)
    ms = ms / 4 + 1;
  if (!election->leading) // spread those who wait, as client-go does
    ms += (int64_t)(rng_double(&election->rng) * 1.2 * (double)ms);
  if (ms < election->retry_after_ms)
    ms = election->retry_after_ms;
  if (election->leading && ms > lead_left_ms(election))
    ms = lead_left_ms(election);
  uv_timer_start(&election->timer, on_timer, (uint64_t)ms, 0);
}

// Longer than this no request may hang: a leader must know in time that it no longer is one.
static int64_t deadline_ms(const struct kube_election *election) {
  int64_t ms = election->options.renew_deadline_ms / 2;
  if (election->leading && lead_left_ms(election) < ms)
    ms = lead_left_ms(election);
  return ms > 0 ? ms : 1;
}

static void note_result(struct kube_election *election, const struct kube_reply *reply) {
  election->failed = rc_is_retryable(reply->rc) && reply->rc != RC_CONFLICT;
  election->retry_after_ms = election->failed ? reply->retry_after_ms : 0;
}

static void maybe_free(struct kube_election *election);
static void release(struct kube_election *election);

static void on_written(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_election *election = container_of(op, struct kube_election, op);
  note_result(election, reply);
  if (reply->rc == RC_OK) {
    election->renewed_ms = election->write_began_ms;
    take_record(election, reply);
    lead(election);
  } else if (reply->rc == RC_CONFLICT || reply->rc == RC_NOT_FOUND || reply->rc == RC_EXISTS) {
    election->lease = NULL; // somebody else wrote: read what it says now
  }
  if (election->closing) {
    release(election);
    return;
  }
  wait_turn(election);
}

static void write_record(struct kube_election *election) {
  struct arena arena = {0};
  struct kube_request request = {
      .verb = election->lease ? KUBE_UPDATE : KUBE_CREATE,
      .resource = &kube_leases,
      .ns = election->options.ns,
      .name = election->options.name,
      .body = new_record(election, &arena),
      .deadline_ms = deadline_ms(election),
  };
  election->step = ELECTION_WRITE;
  election->write_began_ms = clock_mono_ms();
  int rc = kube_start(election->client, &request, &election->op, on_written, NULL);
  arena_dispose(&arena);
  if (rc)
    wait_turn(election);
}

static void on_read(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_election *election = container_of(op, struct kube_election, op);
  note_result(election, reply);
  if (election->closing) {
    release(election);
    return;
  }
  if (reply->rc == RC_NOT_FOUND && reply->http_status == 404) {
    election->lease = NULL;
    write_record(election);
    return;
  }
  if (reply->rc) {
    wait_turn(election);
    return;
  }
  take_record(election, reply);
  if (is_ours(election) || is_free(election)) {
    write_record(election);
    return;
  }
  step_down(election); // somebody else holds it
  wait_turn(election);
}

static void look(struct kube_election *election) {
  if (election->leading && lead_left_ms(election) <= 0) {
    wait_turn(election);
    return;
  }
  if (election->leading && election->lease) { // what we hold need not be read first
    write_record(election);
    return;
  }
  struct kube_request request = {
      .verb = KUBE_GET,
      .resource = &kube_leases,
      .ns = election->options.ns,
      .name = election->options.name,
      .deadline_ms = deadline_ms(election),
  };
  election->step = ELECTION_GET;
  if (kube_start(election->client, &request, &election->op, on_read, NULL) != RC_OK)
    wait_turn(election);
}

// ---- opening and closing ----

static int64_t or_else(int64_t value, int64_t fallback) {
  return value > 0 ? value : fallback;
}

static int check_options(const struct kube_election_options *options, struct err *err) {
  if (!options->ns.len || !options->name.len || !options->identity.len)
    return err_set(err, RC_USAGE, "an election needs a namespace, a name and an identity");
  if (options->lease_ms <= options->renew_deadline_ms)
    return err_set(err, RC_USAGE,
                   "the lease (%lld ms) must be longer than the deadline to renew it (%lld ms)",
                   (long long)options->lease_ms, (long long)options->renew_deadline_ms);
  if (options->renew_deadline_ms * 10 <= options->retry_ms * 12)
    return err_set(err, RC_USAGE,
                   "the deadline to renew a lease (%lld ms) must be over 1.2 times the period of "
                   "the tries (%lld ms)",
                   (long long)options->renew_deadline_ms, (long long)options->retry_ms);
  return RC_OK;
}

int kube_election_open(struct kube_client *client, const struct kube_election_options *given,
                       struct kube_election **ret_election, struct err *err) {
  struct kube_election_options filled = *given, *options = &filled;
  filled.lease_ms = or_else(given->lease_ms, 15000);
  filled.renew_deadline_ms = or_else(given->renew_deadline_ms, 10000);
  filled.retry_ms = or_else(given->retry_ms, 2000);
  int rc = check_options(options, err);
  if (rc)
    return rc;
  struct kube_election *election = XNEW(struct kube_election);
  struct kube_election_options *own = &election->options;
  election->client = client;
  *own = *options;
  own->ns = arena_str(&election->arena, options->ns);
  own->name = arena_str(&election->arena, options->name);
  own->identity = arena_str(&election->arena, options->identity);
  buf_init(&election->seen_revision, 1024);
  buf_init(&election->seen_holder, 4096);
  rng_init(&election->rng, uv_hrtime() ^ str_hash(own->identity));
  uv_timer_init(http_client_loop(kube_client_http(client)), &election->timer);
  election->timer_open = true;
  uv_timer_start(&election->timer, on_timer, 0, 0);
  *ret_election = election;
  return RC_OK;
}

bool kube_election_is_leader(const struct kube_election *election) {
  return election->leading && lead_left_ms(election) > 0;
}

static void on_timer_closed(uv_handle_t *handle) {
  struct kube_election *election = container_of(handle, struct kube_election, timer);
  election->timer_open = false;
  maybe_free(election);
}

static void maybe_free(struct kube_election *election) {
  if (election->timer_open || kube_is_running(&election->op))
    return;
  buf_dispose(&election->seen_revision);
  buf_dispose(&election->seen_holder);
  arena_dispose(&election->record);
  arena_dispose(&election->arena);
  void (*closed)(void *data) = election->closed;
  void *data = election->closed_data;
  xfree(election);
  if (closed)
    closed(data);
}

static void on_released(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_election *election = container_of(op, struct kube_election, op);
  (void)reply; // when it failed, the lease runs out by itself
  uv_close((uv_handle_t *)&election->timer, on_timer_closed);
}

// The last act: a Lease that is ours is given back, so that the next one need not wait for it to
// run out.
static void release(struct kube_election *election) {
  if (election->lease && is_ours(election)) {
    struct arena arena = {0};
    struct json *lease = new_record(election, &arena);
    struct json *spec = json_need_object(&arena, lease, "spec");
    json_put_z(&arena, spec, "holderIdentity", "");
    json_put_int(&arena, spec, "leaseDurationSeconds", 1);
    struct kube_request request = {
        .verb = KUBE_UPDATE,
        .resource = &kube_leases,
        .ns = election->options.ns,
        .name = election->options.name,
        .body = lease,
        .deadline_ms = RELEASE_DEADLINE_MS,
    };
    election->step = ELECTION_RELEASE;
    election->leading = false;
    int rc = kube_start(election->client, &request, &election->op, on_released, NULL);
    arena_dispose(&arena);
    if (rc == RC_OK)
      return;
  }
  uv_close((uv_handle_t *)&election->timer, on_timer_closed);
}

void kube_election_close(struct kube_election *election, void (*closed)(void *data), void *data) {
  if (!election || election->closing)
    return;
  election->closing = true;
  election->closed = closed;
  election->closed_data = data;
  uv_timer_stop(&election->timer);
  if (election->step == ELECTION_GET)
    kube_cancel(&election->op);
  if (!kube_is_running(&election->op))
    release(
        election); // else when the running write has answered: only then we know what to give back
}
