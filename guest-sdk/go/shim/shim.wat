;; Go's idea of an operating system (WASI preview 1), over the contract.
;;
;; Nothing here asks for more than the workflow has: the time is what the run was told
;; last, randomness is the run's own stream, what is printed goes to the workflow's log,
;; and there are no files. Three functions are for the guest SDK alone: the time is set by
;; mainspring_set_clock (so that no import is called while the host is inside of
;; cabi_realloc), printed text is collected where mainspring_set_buffer says, and
;; mainspring_flush logs it.
(module
  (import "env" "memory" (memory 0))
  (import "mainspring:workflow/random@1.0.0" "next-u64" (func $random (result i64)))
  (import "mainspring:workflow/logging@1.0.0" "log" (func $log (param i32 i32 i32 i32 i32)))

  ;; Nanoseconds since 1970. It begins as it does when the program's memory is written
  ;; down at build time, so it never goes back.
  (global $now (mut i64) (i64.const 1700000000000000000))
  ;; A run has begun; before, the host has no randomness to give.
  (global $is_live (mut i32) (i32.const 0))
  (global $seed (mut i64) (i64.const 1))
  (global $buffer (mut i32) (i32.const 0))
  (global $capacity (mut i32) (i32.const 0))
  (global $used (mut i32) (i32.const 0))

  (func (export "mainspring_set_clock") (param $nanoseconds i64)
    (global.set $now (local.get $nanoseconds))
    (global.set $is_live (i32.const 1)))

  (func (export "mainspring_set_buffer") (param $address i32) (param $length i32)
    (global.set $buffer (local.get $address))
    (global.set $capacity (local.get $length))
    (global.set $used (i32.const 0)))

  ;; Logs what was printed, line by line, at level info (2).
  (func $flush (export "mainspring_flush")
    (local $start i32) (local $at i32) (local $end i32)
    (local.set $start (global.get $buffer))
    (local.set $at (local.get $start))
    (local.set $end (i32.add (local.get $start) (global.get $used)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10))
          (then
            (call $log (i32.const 2) (local.get $start)
              (i32.sub (local.get $at) (local.get $start)) (i32.const 8) (i32.const 0))
            (local.set $start (i32.add (local.get $at) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (if (i32.lt_u (local.get $start) (local.get $end))
      (then (call $log (i32.const 2) (local.get $start)
        (i32.sub (local.get $end) (local.get $start)) (i32.const 8) (i32.const 0))))
    (global.set $used (i32.const 0)))

  (func $print (param $from i32) (param $length i32)
    (if (i32.gt_u (i32.add (global.get $used) (local.get $length)) (global.get $capacity))
      (then (call $flush)))
    (if (i32.gt_u (local.get $length) (global.get $capacity))
      (then
        (call $log (i32.const 2) (local.get $from) (local.get $length) (i32.const 8) (i32.const 0))
        return))
    (memory.copy (i32.add (global.get $buffer) (global.get $used)) (local.get $from) (local.get $length))
    (global.set $used (i32.add (global.get $used) (local.get $length))))

  ;; The end of the activation. What was printed last (a panic's message and stack) is an
  ;; error (level 4), which the host shows with the trap.
  (func (export "proc_exit") (param i32)
    (if (global.get $used)
      (then (call $log (i32.const 4) (global.get $buffer) (global.get $used) (i32.const 8) (i32.const 0))))
    (global.set $used (i32.const 0))
    unreachable)

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $length i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $length (i32.load offset=4 (local.get $pieces)))
        (call $print (i32.load (local.get $pieces)) (local.get $length))
        (local.set $total (i32.add (local.get $total) (local.get $length)))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    i32.const 0)

  (func $any (result i64)
    (if (global.get $is_live) (then (return (call $random))))
    (global.set $seed (i64.add
      (i64.mul (global.get $seed) (i64.const 6364136223846793005))
      (i64.const 1442695040888963407)))
    (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 29))))

  (func (export "random_get") (param $to i32) (param $length i32) (result i32)
    (local $word i64) (local $left i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (if (i32.eqz (local.get $left))
          (then
            (local.set $word (call $any))
            (local.set $left (i32.const 8))))
        (i64.store8 (local.get $to) (local.get $word))
        (local.set $word (i64.shr_u (local.get $word) (i64.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    i32.const 0)

  (func (export "clock_time_get") (param i32 i64 i32) (result i32)
    (i64.store (local.get 2) (global.get $now))
    i32.const 0)
  (func (export "clock_res_get") (param i32 i32) (result i32)
    (i64.store (local.get 1) (i64.const 1))
    i32.const 0)

  ;; A wait is over at once: goroutines that wait are the guest SDK's concern.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $answered i32) (result i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (i64.store (local.get $events) (i64.load (local.get $subscriptions)))
    (i64.store offset=8 (local.get $events) (i64.const 0))
    (i64.store offset=16 (local.get $events) (i64.const 0))
    (i64.store offset=24 (local.get $events) (i64.const 0))
    (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $subscriptions)))
    (i32.store (local.get $answered) (i32.const 1))
    i32.const 0)

  (func (export "sched_yield") (result i32) i32.const 0)
  (func (export "args_sizes_get") (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0)) (i32.store (local.get 1) (i32.const 0)) i32.const 0)
  (func (export "args_get") (param i32 i32) (result i32) i32.const 0)
  (func (export "environ_sizes_get") (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0)) (i32.store (local.get 1) (i32.const 0)) i32.const 0)
  (func (export "environ_get") (param i32 i32) (result i32) i32.const 0)

  ;; Three character devices, and nothing else (8: bad descriptor, 44: no such file).
  (func (export "fd_fdstat_get") (param $fd i32) (param $to i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $to) (i64.const 2))
    (i64.store offset=8 (local.get $to) (i64.const -1))
    (i64.store offset=16 (local.get $to) (i64.const -1))
    i32.const 0)
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) i32.const 0)
  (func (export "fd_close") (param i32) (result i32) i32.const 0)
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32)
    (i32.store (local.get 3) (i32.const 0)) i32.const 0)
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) i32.const 70)
  (func (export "fd_tell") (param i32 i32) (result i32) i32.const 70)
  (func (export "fd_sync") (param i32) (result i32) i32.const 0)
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) i32.const 8)
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) i32.const 8)
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) i32.const 8)
  (func (export "fd_renumber") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_filestat_get") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) i32.const 8)
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) i32.const 8)
  (func (export "fd_prestat_get") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) i32.const 8)
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) i32.const 44)
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) i32.const 44)
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) i32.const 44)
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) i32.const 44)
  (func (export "sock_accept") (param i32 i32 i32) (result i32) i32.const 8)
  (func (export "sock_shutdown") (param i32 i32) (result i32) i32.const 8)
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) i32.const 8)
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) i32.const 8))
