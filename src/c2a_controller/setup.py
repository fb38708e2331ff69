# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from setuptools import find_packages, setup

package_name = 'c2a_controller'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(),
    # Checkpoints that ship: read as files, so the package cannot stay in an archive.
    package_data={package_name: ['checkpoints/*/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools', 'numpy'],
    zip_safe=False,
    maintainer='C2A developers',
    maintainer_email='c2a-developers@users.noreply.github.com',
    description='Diffusion policy, chunk execution, replay and controller node of C2A.',
    license='Apache-2.0',
    entry_points={'console_scripts': ['controller_node = c2a_controller.controller_node:main']},
)
