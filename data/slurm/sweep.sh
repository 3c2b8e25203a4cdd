#!/bin/bash
# One share of a study as a task of a Slurm job array:
#
#     sbatch --array=0-99 data/slurm/sweep.sh STUDY.toml FOLDER
#
# Task i of n writes FOLDER/part-i.h5. A task that is killed, preempted or near its time limit is requeued (three times at
# most) and goes on where it was; bad input (exit code 2) is not tried again. FELICE names the program.
#SBATCH --job-name=felice-sweep
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
set -u
study=$1 folder=$2
felice=${FELICE:-felice}
i=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN)) n=$SLURM_ARRAY_TASK_COUNT

"$felice" --quiet sweep "$study" --output "$folder/part-$i.h5" --shard "$i/$n" --resume \
    --threads "${SLURM_CPUS_PER_TASK:-1}" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' TERM
# A signal ends the first wait; the second one waits for the units that are being finished.
wait $pid
code=$?
[ $code -gt 128 ] && kill -0 $pid 2>/dev/null && { wait $pid; code=$?; }

if [ $code -ne 0 ] && [ $code -ne 2 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "${FELICE_RESTARTS:-3}" ]; then
    echo "felice ended with $code: requeued" >&2
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
    sleep 30 # Slurm ends this task before.
fi
exit $code
