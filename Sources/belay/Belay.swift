import ArgumentParser

@main
struct Belay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "belay",
    abstract: "Backup jobs for virtual machines that can be stopped at any moment.",
    discussion: """
      A coordinator takes the VMs of a job in the job's order and hands them to workers; a worker freezes a \
      VM's disks, stores them as a restore point and removes the checkpoint. A job can be stopped \
      immediately (nothing unfinished stays) or gracefully (what is being processed is finished).

      FIRST STEPS
        belay dev --vm-root ./vms                 everything in one process, on this machine
        belay job create nightly --vm web01 --vm db01
        belay job start nightly --watch
        belay job stop nightly --graceful
        belay restore-point list
        belay restore RESTORE-POINT --to ./restored

      WHERE THE COORDINATOR IS
        Commands find it at --address, else at $BELAY_ADDRESS, else at the socket of `belay dev`.
        TLS: --tls-ca, --tls-cert, --tls-key and --tls-server-name, else $BELAY_TLS_CA, $BELAY_TLS_CERT,
        $BELAY_TLS_KEY and $BELAY_TLS_SERVER_NAME.

      EXIT CODES
      \(ExitStatus.help)
      """,
    version: "0.1.0",
    subcommands: [
      CoordinatorCommand.self, WorkerCommand.self, DevCommand.self, JobCommand.self,
      SessionCommand.self, RestorePointCommand.self, RestoreCommand.self,
    ])
}
