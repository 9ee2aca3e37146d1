//! A mail when a trial begins, a sleep, a mail before it ends: in Zig, on the header for
//! C. The callback style is in `tests/c`, the blocking one here.

const ms = @import("mainspring");

const trial_days = 7;

const Trial = struct { user: ms.ms_text, nanos: u64 };

/// `"user"`, or `{"UserID": "user", "TrialSeconds": 20}`.
fn trialOf(input: ms.ms_payloads) ?Trial {
    const json = ms.ms_data(ms.ms_first(input));
    const user = ms.ms_json_member(json, "UserID");
    if (user.length == 0) {
        var text: ms.ms_text = undefined;
        if (!ms.ms_json_to_text(json, &text)) return null;
        return .{ .user = json, .nanos = trial_days * 24 * 60 * 60 * ms.MS_SECOND };
    }
    var seconds: i64 = undefined;
    if (!ms.ms_json_to_integer(ms.ms_json_member(json, "TrialSeconds"), &seconds)) return null;
    if (seconds < 0) return null;
    return .{ .user = user, .nanos = @as(u64, @intCast(seconds)) * ms.MS_SECOND };
}

/// Sends one mail; the failure if it failed for good.
fn mail(activity_type: [*:0]const u8, user: ms.ms_text) ?ms.ms_failure {
    var activity = ms.ms_activity{
        .type = ms.ms_text_of(activity_type),
        .input = ms.ms_one(ms.ms_json(user)),
        .start_to_close_timeout = .{ .some = true, .value = 60 * ms.MS_SECOND },
        .retry_policy = .{ .some = true, .value = .{
            .initial_interval = .{ .some = true, .value = 2 * ms.MS_SECOND },
        } },
    };
    const outcome = ms.ms_wait(ms.ms_start_activity(&activity));
    return if (outcome.tag == ms.MS_SUCCESS) null else outcome.as.failure;
}

fn trialReminder(input: ms.ms_payloads) callconv(.c) ms.ms_end {
    const trial = trialOf(input) orelse return ms.ms_end_failed(ms.ms_fail(
        ms.ms_text_of("BadInput"),
        ms.ms_text_of("a trial is a user, or a UserID with its TrialSeconds"),
    ));
    if (mail("SendWelcomeEmail", trial.user)) |failure| return ms.ms_end_failed(failure);
    ms.ms_sleep(trial.nanos);
    if (mail("SendTrialEndingEmail", trial.user)) |failure| return ms.ms_end_failed(failure);
    return ms.ms_complete_with(.{});
}

export fn ms_workflows() void {
    ms.ms_workflow("TrialReminderWorkflow", trialReminder, "Two mails and a week between them");
}
