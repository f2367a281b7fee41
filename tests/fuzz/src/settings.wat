;; Hands its settings back through `set-policy-settings`, from a place and with a length that `attempt` moves: the
;; lower 16 bits are added to the pointer, the upper 16 bits to the length, both with their sign.
(module
(import "relhost:context/run-context@0.1.0" "[resource-drop]run-context" (func $drop (param i32)))
(import "relhost:context/run-context@0.1.0" "[method]run-context.settings-json" (func $settings (param i32 i32)))
(import "relhost:context/run-context@0.1.0" "[method]run-context.attempt" (func $attempt (param i32) (result i32)))
(import "relhost:approval/await-approval@0.1.0" "[constructor]approval-request"
  (func $request (param i32 i32) (result i32)))
(import "relhost:approval/await-approval@0.1.0" "[method]approval-request.set-policy-settings"
  (func $set_settings (param i32 i32 i32)))
(import "relhost:approval/await-approval@0.1.0" "[method]approval-request.add-approver"
  (func $add_approver (param i32 i32 i32)))
(import "relhost:approval/await-approval@0.1.0" "await-approval" (func $await (param i32 i32)))
(memory (export "memory") 4)
(global $heap (mut i32) (i32.const 65536))
(data (i32.const 2048) "ann")
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (local $p i32)
  (local.set $p (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $p) (local.get 3)))
  (local.get $p))
(func (export "relhost:stage/stage@0.1.0#run") (param $ctx i32) (result i32)
  (local $moved i32) (local $request i32)
  (call $settings (local.get $ctx) (i32.const 1200))
  (local.set $moved (call $attempt (local.get $ctx)))
  (local.set $request (call $request (i32.const 2048) (i32.const 3)))
  (call $set_settings (local.get $request)
    (i32.add (i32.load (i32.const 1200)) (i32.extend16_s (local.get $moved)))
    (i32.add (i32.load (i32.const 1204)) (i32.shr_s (local.get $moved) (i32.const 16))))
  (call $add_approver (local.get $request) (i32.const 2048) (i32.const 3))
  (call $await (local.get $request) (i32.const 1024))
  (call $drop (local.get $ctx))
  (i32.const 1024)))
